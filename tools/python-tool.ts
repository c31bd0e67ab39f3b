/** `python`: runs code in the server's jail, with the conversation's files in its work folder. */
import { z } from 'zod';
import { failure } from '../domain/failures.js';
import type { FileRecord } from '../domain/ports/file-store.js';
import type {
  PythonResult,
  PythonRunner,
  Tool,
  ToolContext,
  ToolFile,
  ToolOutput,
} from '../domain/ports/tool-runtime.js';
import { mimeTypeOf } from './mime-types.js';
import { defineTool } from './sdk/define-tool.js';

/** Wall-clock time of the code itself. */
const JOB_TIMEOUT_MS = 60_000;
/** The job, waiting for a place in line, the environment's first minute, and moving files. */
const TOOL_TIMEOUT_MS = 180_000;
/** What fits in the jail's work folder beside what the code makes. */
const MAX_INPUT_BYTES = 100 * 1024 * 1024;
const MAX_INPUT_FILES = 50;
/** Longer output is cut in the middle: the beginning says what it is, the end how it went. */
const MAX_STREAM_CHARS = 100_000;

const DESCRIPTION =
  'Run Python 3 code in a sandbox and see what it prints; the value of a last expression is shown too. numpy, pandas and matplotlib ' +
  'are usually there. The current folder holds the files of the conversation by name; new or changed files in it come back to the ' +
  'user, and figures shown with plt.show() are saved as PNG. No network, no other processes, 60 seconds. Each call starts fresh: ' +
  'variables are not kept, files that came back are.';

function cutMiddle(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const half = Math.floor(maxChars / 2);
  return `${text.slice(0, half)}\n[... ${text.length - maxChars} characters left out ...]\n${text.slice(-half)}`;
}

/** The newest file of each name, newest first until the budget is used up. */
function chooseInputs(files: readonly ToolFile[]): { chosen: readonly ToolFile[]; left: readonly string[] } {
  const byName = new Map(files.map((file) => [file.filename, file]));
  const chosen: ToolFile[] = [];
  const left: string[] = [];
  let total = 0;
  for (const file of [...byName.values()].reverse()) {
    if (chosen.length >= MAX_INPUT_FILES || total + file.bytes > MAX_INPUT_BYTES) {
      left.push(file.filename);
      continue;
    }
    chosen.push(file);
    total += file.bytes;
  }
  return { chosen, left };
}

async function readInputs(
  context: ToolContext,
  chosen: readonly ToolFile[],
): Promise<{ filename: string; content: Uint8Array }[]> {
  const inputs: { filename: string; content: Uint8Array }[] = [];
  for (const file of chosen) inputs.push({ filename: file.filename, content: await context.files.read(file.id) });
  return inputs;
}

const STATUS_LINES: Readonly<Record<PythonResult['status'], string | null>> = {
  completed: null,
  error: 'The code ended with an exception.',
  timeout: `The code was stopped: it ran longer than ${JOB_TIMEOUT_MS / 1000} seconds. Files it made are lost; do less at once.`,
  killed: 'The code was killed: it broke a limit or ended its interpreter. Files it made are lost.',
  cancelled: 'The code was cancelled.',
};

function toText(result: PythonResult, saved: readonly FileRecord[], left: readonly string[]): string {
  const parts: string[] = [];
  const status = STATUS_LINES[result.status];
  if (status !== null) parts.push(status);
  if (result.stdout !== '') parts.push(cutMiddle(result.stdout, MAX_STREAM_CHARS).trimEnd());
  if (result.stderr !== '') parts.push(`stderr:\n${cutMiddle(result.stderr, MAX_STREAM_CHARS).trimEnd()}`);
  if (result.truncated) parts.push('[The output was longer than is kept; print less.]');
  if (saved.length > 0)
    parts.push(
      [
        'Files:',
        ...saved.map((file) => `- ${file.filename} (${file.mimeType}, ${file.bytes} bytes, id ${file.id})`),
      ].join('\n'),
    );
  if (left.length > 0) parts.push(`[Not in the work folder, too much together: ${left.join(', ')}]`);
  return parts.length === 0 ? 'The code ran and printed nothing.' : parts.join('\n\n');
}

export function createPythonTool(python: PythonRunner): Tool {
  return defineTool({
    name: 'python',
    description: DESCRIPTION,
    input: z.object({ code: z.string().min(1).max(200_000).describe('Python 3 source code.') }),
    effect: 'read',
    // No network: what it prints is made of its code and the conversation's files, which are in the context already.
    origin: 'derived',
    timeoutMs: TOOL_TIMEOUT_MS,
    itemType: 'code_interpreter_call',
    unavailable: () => {
      const { state, detail } = python.status();
      return state === 'unavailable' ? detail : null;
    },
    run: async ({ code }, context): Promise<ToolOutput> => {
      const { chosen, left } = chooseInputs(await context.files.list());
      const files = await readInputs(context, chosen);
      if (python.status().state === 'preparing') context.progress('Preparing Python', python.status().detail);
      const result = await python.run({ code, files, timeoutMs: JOB_TIMEOUT_MS, signal: context.signal });
      if (result.status === 'cancelled') throw failure('turn.cancelled', 'The Python code was cancelled');
      const saved: FileRecord[] = [];
      for (const { filename, content } of result.files) {
        saved.push(await context.files.save({ filename, mimeType: mimeTypeOf(filename), content }));
      }
      const details = {
        status: result.status,
        duration_ms: Math.round(result.durationMs),
        truncated: result.truncated,
      };
      return { text: toText(result, saved, left), details, files: saved };
    },
  });
}
