/**
 * Tools of the operator's own: ES modules named in the configuration. They run inside the server, so only an operator names
 * them. Every problem of every module comes in one message, before anything is accepted.
 */
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { failure, toError } from '../../domain/failures.js';
import type { Tool } from '../../domain/ports/tool-runtime.js';
import { defineTool } from './define-tool.js';

/** What a module's default function is given, so that it needs no packages of its own. */
export interface ToolModuleKit {
  readonly defineTool: typeof defineTool;
  readonly z: typeof z;
  readonly failure: typeof failure;
}

const KIT: ToolModuleKit = { defineTool, z, failure };
const TOOLS_MISSING = 'exports by default neither a list of tools nor a function that returns one';

/** @param paths absolute. @throws `config.invalid` naming each module and what is wrong with it. */
export async function loadToolModules(paths: readonly string[]): Promise<readonly Tool[]> {
  const problems: string[] = [];
  const tools: Tool[] = [];
  for (const path of paths) {
    try {
      tools.push(...(await loadOne(path)));
    } catch (error) {
      problems.push(`${path}: ${toError(error).message}`);
    }
  }
  if (problems.length > 0) throw unusable(problems);
  return tools;
}

async function loadOne(path: string): Promise<readonly Tool[]> {
  const module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
  const made: unknown = typeof module.default === 'function' ? await callFactory(module.default) : module.default;
  if (!Array.isArray(made)) throw new Error(TOOLS_MISSING);
  return made.map((tool: unknown, index) => {
    if (isTool(tool)) return tool;
    throw new Error(`entry ${index} of its list is no tool: make it with defineTool`);
  });
}

async function callFactory(factory: unknown): Promise<unknown> {
  return (factory as (kit: ToolModuleKit) => unknown)(KIT);
}

/** `defineTool` checked the rest when the tool was made. */
function isTool(value: unknown): value is Tool {
  if (value === null || typeof value !== 'object') return false;
  const { name, schemaHash, invoke } = value as Partial<Tool>;
  return typeof name === 'string' && typeof schemaHash === 'string' && typeof invoke === 'function';
}

/** Built-in tools and the operator's. @throws `config.invalid` when a name is there twice. */
export function joinTools(builtin: readonly Tool[], own: readonly Tool[]): readonly Tool[] {
  const all = [...builtin, ...own];
  const twice = all.filter((tool, index) => all.findIndex((each) => each.name === tool.name) < index);
  if (twice.length > 0) {
    throw unusable(twice.map(({ name }) => `there are two tools named ${name}: rename yours`));
  }
  return all;
}

function unusable(problems: readonly string[]): Error {
  return failure(
    'config.invalid',
    `The tools of tool_modules cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
  );
}
