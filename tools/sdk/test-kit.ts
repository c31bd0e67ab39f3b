/** For authors of tools: run a tool without a server, and check that it keeps the contract. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isFailure, toError } from '../../domain/failures.js';
import type { JsonObject, JsonValue } from '../../domain/json.js';
import type { Tool, ToolOutput } from '../../domain/ports/tool-runtime.js';
import type { MemoryContext, MemoryContextOptions } from './memory-context.js';
import { createMemoryContext } from './memory-context.js';

/** A cancelled tool must let go within this time. */
const ABORT_GRACE_MS = 1000;
/** Tools cap their own text; the budget only decides how much of it the model sees at once. */
const MAX_OUTPUT_CHARS = 2_000_000;

export interface ToolRun extends Omit<MemoryContext, 'context'> {
  readonly output: ToolOutput;
}

/** Run a tool once in a context in memory. @throws what the tool throws. */
export async function runTool(tool: Tool, args: unknown, options: MemoryContextOptions = {}): Promise<ToolRun> {
  const { context, ...seen } = createMemoryContext(options);
  return { output: await tool.invoke(args, context), ...seen };
}

export interface ToolSample {
  /** Arguments that work in the context of `options`. */
  readonly arguments: JsonObject;
  readonly options?: MemoryContextOptions;
}

function checkSchema({ parameters }: Tool): string[] {
  const problems: string[] = [];
  try {
    new Ajv2020({ strict: false, validateFormats: false }).compile({ ...parameters });
  } catch (error) {
    problems.push(`the parameters are not valid JSON Schema: ${toError(error).message}`);
  }
  if (parameters['additionalProperties'] !== false) problems.push('the parameters accept unknown fields');
  const properties = (parameters['properties'] ?? {}) as Readonly<Record<string, JsonObject>>;
  for (const [field, schema] of Object.entries(properties)) {
    if (typeof schema['description'] !== 'string' || schema['description'] === '')
      problems.push(`the field ${field} has no description`);
  }
  return problems;
}

async function checkBadArguments(tool: Tool, sample: ToolSample): Promise<string[]> {
  const bad: readonly JsonValue[] = [null, 'text', 7, [], { ...sample.arguments, surely_no_such_field: 1 }];
  const problems: string[] = [];
  for (const args of bad) {
    const answer = await runTool(tool, args, sample.options).then(
      () => 'an answer',
      (error: unknown) => (isFailure(error) ? error.code : toError(error).message),
    );
    if (answer !== 'tool.invalid-arguments')
      problems.push(`the arguments ${JSON.stringify(args)} gave ${answer} instead of tool.invalid-arguments`);
  }
  return problems;
}

async function checkAbort(tool: Tool, sample: ToolSample): Promise<string[]> {
  const controller = new AbortController();
  const running = runTool(tool, sample.arguments, { ...sample.options, signal: controller.signal });
  controller.abort();
  const settled = await settlesWithin(
    running.then(
      () => undefined,
      () => undefined,
    ),
    ABORT_GRACE_MS,
  ); // any end will do
  return settled === 'late' ? [`a cancelled call still ran after ${ABORT_GRACE_MS} ms`] : [];
}

async function settlesWithin<T>(work: Promise<T>, limitMs: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, limitMs, 'late');
  });
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer);
  });
}

async function checkOutput(tool: Tool, sample: ToolSample): Promise<string[]> {
  const run = await settlesWithin(runTool(tool, sample.arguments, sample.options), tool.timeoutMs);
  if (run === 'late') return [`the sample did not finish within the tool's own ${tool.timeoutMs} ms`];
  const { output } = run;
  const problems: string[] = [];
  if (output.text.trim() === '') problems.push('the answer has no text; say what happened even when nothing came out');
  if (output.text.length > MAX_OUTPUT_CHARS)
    problems.push(`the answer has ${output.text.length} characters; cap it at ${MAX_OUTPUT_CHARS} or less`);
  return problems;
}

/**
 * Does the tool keep the contract? The sample must work.
 * @returns every problem found; an empty list is a pass.
 */
export async function checkTool(tool: Tool, sample: ToolSample): Promise<readonly string[]> {
  const found = [
    checkSchema(tool),
    await checkBadArguments(tool, sample),
    await checkAbort(tool, sample),
    await checkOutput(tool, sample),
  ];
  return found.flat().map((problem) => `${tool.name}: ${problem}`);
}
