/** How a tool is made: one description from which the schema, its hash, the argument check and the contract follow. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { failure } from '../../domain/failures.js';
import type { ToolItemType } from '../../domain/item.js';
import type { JsonObject } from '../../domain/json.js';
import { canonicalJson } from '../../domain/json.js';
import type { Tool, ToolContext, ToolOutput, ToolReceiptView } from '../../domain/ports/tool-runtime.js';
import type { Origin } from '../../domain/taint.js';
import type { ApprovalRule, ToolEffect } from '../../domain/tool.js';
import { parseArguments } from './parse-arguments.js';

/** What a model is handed by default; the rest stays readable through `read_result`. */
const DEFAULT_RESULT_BUDGET_CHARS = 20_000;
/** `read` and `keyed` may be repeated after a passing failure. */
const DEFAULT_ATTEMPTS = 3;
const NAME = /^[a-z][a-z0-9_]{0,63}$/;

export interface ToolDefinition<Input extends z.ZodObject> {
  /** What the model calls: lower-case letters, digits and _. */
  readonly name: string;
  /** For the model: what it does, when to use it, what comes back. */
  readonly description: string;
  /** A zod object; each field has a `.describe()`. Unknown fields are refused. */
  readonly input: Input;
  readonly effect: ToolEffect;
  /** For one attempt. The caller aborts `ctx.signal` when it is over. */
  readonly timeoutMs: number;
  /** Default 3; `unkeyed` always has 1. */
  readonly attempts?: number;
  /** Default: never for `read`, ask for what changes the world. */
  readonly approval?: ApprovalRule;
  /** True when `run` uses `ctx.egress`. */
  readonly egress?: boolean;
  /**
   * Where what it returns comes from: `web`, `file`, `mcp`, `tool` (any other outside source), or `derived` when it is made
   * of its arguments and the conversation's files and nothing else. Default: `web` with `egress`, else `tool`.
   */
  readonly origin?: Exclude<Origin, 'trusted'>;
  /** The addresses a call reaches, so that those the user named may be reached without asking. Default: not known. */
  readonly destinations?: (input: z.infer<Input>) => readonly string[];
  /** The item clients see; default `turnstone:tool_call`. */
  readonly itemType?: ToolItemType;
  readonly resultBudgetChars?: number;
  /** Null when it can run here; else why not and what to do. */
  readonly unavailable?: () => string | null;
  /** Gets parsed arguments. What it throws with a failure code stays as it is; see `domain/failures.ts`. */
  readonly run: (input: z.infer<Input>, context: ToolContext) => Promise<ToolOutput>;
  /** Takes back what `run` did with these arguments; a person asks for it. `context.idempotencyKey` is the undo's own. */
  readonly undo?: (input: z.infer<Input>, receipt: ToolReceiptView, context: ToolContext) => Promise<ToolOutput>;
}

function toParameters(name: string, input: z.ZodObject): JsonObject {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(input.strict(), { io: 'input', unrepresentable: 'throw' });
  const properties = (schema.properties ?? {}) as Record<string, { description?: string }>;
  const bare = Object.keys(properties).filter((field) => (properties[field]?.description ?? '').trim() === '');
  if (bare.length > 0)
    throw new Error(
      `Tool ${name}: the fields ${bare.join(', ')} have no description; add .describe('…') for the model`,
    );
  return schema as unknown as JsonObject;
}

function attemptsOf({ name, effect, attempts }: { name: string; effect: ToolEffect; attempts?: number }): number {
  const wanted = attempts ?? (effect === 'unkeyed' ? 1 : DEFAULT_ATTEMPTS);
  if (!Number.isInteger(wanted) || wanted < 1)
    throw new Error(`Tool ${name}: attempts must be a whole number from 1, not ${wanted}`);
  if (effect === 'unkeyed' && wanted > 1) {
    throw new Error(
      `Tool ${name}: effect unkeyed runs at most once, so attempts must be 1; take an idempotency key and say keyed to retry`,
    );
  }
  return wanted;
}

function checkDefinition({
  name,
  description,
  timeoutMs,
}: {
  name: string;
  description: string;
  timeoutMs: number;
}): void {
  if (!NAME.test(name))
    throw new Error(
      `Tool ${JSON.stringify(name)}: a name is a lower-case letter, then letters, digits and _, at most 64 characters`,
    );
  if (description.trim() === '')
    throw new Error(`Tool ${name}: a description is missing; the model decides by it when to use the tool`);
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0)
    throw new Error(`Tool ${name}: timeoutMs must be a positive number of milliseconds, not ${timeoutMs}`);
}

/**
 * Make a tool. @throws at definition time, so that a wrong tool never reaches a turn: bad name, missing descriptions,
 * a schema that JSON Schema cannot say, more than one attempt for an `unkeyed` effect.
 */
export function defineTool<Input extends z.ZodObject>(definition: ToolDefinition<Input>): Tool {
  const { name, description, effect, timeoutMs, unavailable, destinations } = definition;
  checkDefinition(definition);
  const attempts = attemptsOf({
    name,
    effect,
    ...(definition.attempts === undefined ? {} : { attempts: definition.attempts }),
  });
  const parameters = toParameters(name, definition.input);
  const schemaHash = createHash('sha256')
    .update(canonicalJson({ name, description, parameters, effect }))
    .digest('hex');
  const input = definition.input.strict();
  return {
    name,
    description,
    parameters,
    schemaHash,
    effect,
    approval: definition.approval ?? (effect === 'read' ? 'never' : 'ask'),
    egress: definition.egress ?? false,
    origin: definition.origin ?? (definition.egress === true ? 'web' : 'tool'),
    timeoutMs,
    attempts,
    itemType: definition.itemType ?? 'turnstone:tool_call',
    resultBudgetChars: definition.resultBudgetChars ?? DEFAULT_RESULT_BUDGET_CHARS,
    checkArguments: (argumentsJson) => void parseArguments(name, input, argumentsJson),
    invoke: async (argumentsJson, context) => {
      const parsed = parseArguments(name, input, argumentsJson) as z.infer<Input>;
      if (context.signal.aborted) throw failure('turn.cancelled', `Tool ${name} was cancelled before it ran`);
      return definition.run(parsed, context);
    },
    ...(unavailable === undefined ? {} : { unavailable }),
    ...undoOf(definition, (argumentsJson) => parseArguments(name, input, argumentsJson) as z.infer<Input>),
    ...(destinations === undefined
      ? {}
      : {
          destinations: (argumentsJson) => {
            const parsed = input.safeParse(argumentsJson);
            return parsed.success ? destinations(parsed.data as z.infer<Input>) : [];
          },
        }),
  };
}

function undoOf<Input extends z.ZodObject>(
  { name, effect, undo }: ToolDefinition<Input>,
  parse: (argumentsJson: unknown) => z.infer<Input>,
): Pick<Tool, 'undo'> {
  if (undo === undefined) return {};
  if (effect === 'read') throw new Error(`Tool ${name}: effect read changes nothing, so there is nothing to undo`);
  return { undo: async (argumentsJson, receipt, context) => undo(parse(argumentsJson), receipt, context) };
}
