/** What the scripted demo understands: lines of a message -> tool calls or a count. Pure. */
import type { ModelTool } from '../../domain/ports/model.js';

export interface DemoCall {
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

export interface DemoPlan {
  readonly calls: readonly DemoCall[];
  /** Tools the message asked for that this turn does not have. */
  readonly missing: readonly string[];
  /** "count to N". */
  readonly countTo: number | null;
}

export const MAX_COUNT = 10_000;

/** One command per line; "python: …" takes the lines after it too, up to the next command. */
const COMMANDS = {
  python: /^(?:please\s+)?(?:run\s+)?python\s*:\s?(.*)$/i,
  read: /^(?:please\s+)?read\s+(https?:\/\/\S+)\s*$/i,
  call: /^(?:please\s+)?call\s+([\w.-]{1,128})\s*(.*)$/i,
  count: /^(?:please\s+)?count\s+(?:up\s+)?to\s+(\d{1,9})\b/i,
} as const;

/** "run python: 1+1 and read https://…" in one line is two commands. */
const AND_COMMAND = /(?<!\s)\s+and\s+(?=(?:read\s+https?:\/\/|(?:run\s+)?python\s*:|call\s+[\w.-]+\s*\{))/i;

export function planFrom(text: string, tools: readonly Pick<ModelTool, 'name'>[]): DemoPlan {
  const offered = new Set(tools.map((tool) => tool.name));
  const wanted: DemoCall[] = [];
  let countTo: number | null = null;
  let code: string[] | null = null;
  const endCode = (): void => {
    if (code !== null) wanted.push({ name: 'python', arguments: JSON.stringify({ code: dedent(code) }) });
    code = null;
  };
  for (const line of text.split('\n').flatMap((whole) => whole.split(AND_COMMAND))) {
    const command = readCommand(line.trim());
    if (command === null) {
      code?.push(line);
      continue;
    }
    endCode();
    if (command.kind === 'python') code = [command.code];
    else if (command.kind === 'count') countTo = command.to;
    else wanted.push(command.call);
  }
  endCode();
  return {
    calls: wanted.filter((call) => offered.has(call.name)),
    missing: [...new Set(wanted.map((call) => call.name).filter((name) => !offered.has(name)))],
    countTo,
  };
}

type Command =
  | { readonly kind: 'python'; readonly code: string }
  | { readonly kind: 'call'; readonly call: DemoCall }
  | { readonly kind: 'count'; readonly to: number };

function readCommand(line: string): Command | null {
  const python = COMMANDS.python.exec(line);
  if (python !== null) return { kind: 'python', code: python[1] ?? '' };
  const read = COMMANDS.read.exec(line);
  if (read !== null) return { kind: 'call', call: { name: 'read_page', arguments: JSON.stringify({ url: read[1] }) } };
  const call = COMMANDS.call.exec(line);
  // Without an argument object it is a sentence that happens to begin with "call".
  if (call?.[1] !== undefined && /^(?:\{.*\})?$/s.test(call[2] ?? '')) {
    return { kind: 'call', call: { name: call[1], arguments: call[2] === '' ? '{}' : (call[2] ?? '{}') } };
  }
  const count = COMMANDS.count.exec(line);
  return count === null ? null : { kind: 'count', to: Math.min(Number(count[1]), MAX_COUNT) };
}

/** Code without blank first and last lines and without a Markdown fence around it. */
function dedent(lines: readonly string[]): string {
  return lines
    .filter((line) => !/^\s*```(?:\w+)?\s*$/.test(line))
    .join('\n')
    .replace(/^\s*\n/, '')
    .trimEnd();
}
