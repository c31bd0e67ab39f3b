/** The tools every server has. Agents name the ones they use. */
import type { PythonRunner, Tool } from '../domain/ports/tool-runtime.js';
import { createPythonTool } from './python-tool.js';
import { createReadPageTool } from './read-page-tool.js';
import { createReadResultTool } from './read-result-tool.js';

export function createBuiltinTools({ python }: { readonly python: PythonRunner }): readonly Tool[] {
  return [createPythonTool(python), createReadPageTool(), createReadResultTool()];
}
