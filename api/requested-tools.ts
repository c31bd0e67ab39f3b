/** The request's `tools` and `tool_choice` against the agent's own tools: what the model will see, and what is refused. */
import { z } from 'zod';
import type { Agent } from '../domain/agent.js';
import { failure } from '../domain/failures.js';
import type { JsonValue } from '../domain/json.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import type { ClientFunction, PinnedTool, ToolChoice } from '../domain/turn.js';
import { checkJsonSchema } from './json-schema-check.js';
import { closedObject } from './schemas/closed-object.js';
import { ignored, jsonValueSchema } from './schemas/field-schemas.js';
import { parseRequest } from './schemas/parse-request.js';
import type { RequestedTool, RequestedToolChoice } from './schemas/response-request.js';

export interface ToolSelection {
  readonly tools: readonly PinnedTool[];
  readonly clientFunctions: readonly ClientFunction[];
  readonly requestedTools: readonly JsonValue[];
  readonly toolChoice: ToolChoice;
}

/** Hosted tool types of the standard and the built-in tool that does their work here. */
const HOSTED: Readonly<Record<string, string>> = {
  code_interpreter: 'python',
  web_search: 'read_page',
  web_search_2025_08_26: 'read_page',
  web_search_preview: 'read_page',
  web_search_preview_2025_03_11: 'read_page',
};

const functionToolSchema = closedObject({
  type: z.literal('function'),
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, _ and -, at most 64'),
  description: z.string().max(100_000).nullish(),
  parameters: z.record(z.string(), jsonValueSchema).nullish(),
  strict: z.boolean().nullish(),
  allowed_callers: ignored(z.array(z.literal('direct'))),
  defer_loading: ignored(z.boolean()),
  output_schema: ignored(z.record(z.string(), jsonValueSchema)),
});

const noFilters = z.looseObject({ allowed_domains: z.array(z.string()).max(0).nullish() });
const hostedToolSchema = z.looseObject({
  filters: noFilters.nullish().describe('Domain filters are not available on this server.'),
  container: z
    .union([
      z.string(),
      z.looseObject({
        file_ids: z.array(z.string()).max(0, 'attach files to the input as `input_file` instead').nullish(),
      }),
    ])
    .optional(),
});

function toClientFunction(requested: RequestedTool, index: number): ClientFunction {
  const tool = parseRequest(functionToolSchema, requested, 'body', ['tools', index]);
  const parameters = tool.parameters ?? null;
  if (parameters !== null) checkJsonSchema(parameters, `tools[${index}].parameters`);
  return { name: tool.name, description: tool.description ?? null, parameters, strict: tool.strict ?? false };
}

function checkHosted(
  requested: RequestedTool,
  index: number,
  agent: Agent,
  available: ReadonlyMap<string, Tool>,
): void {
  const param = `tools[${index}].type`;
  const name = HOSTED[requested.type];
  if (name === undefined) {
    const known = ['function', ...Object.keys(HOSTED)].join(', ');
    throw failure(
      'request.invalid',
      `Tools of type '${requested.type}' are not available on this server. Available: ${known}.`,
      { param },
    );
  }
  parseRequest(hostedToolSchema, requested, 'body', ['tools', index]);
  const tool = available.get(name);
  if (!agent.tools.includes(name) || tool === undefined) {
    throw failure(
      'request.invalid',
      `The agent '${agent.name}' has no tool '${name}', which '${requested.type}' needs. Choose another agent.`,
      { param },
    );
  }
  const reason = tool.unavailable?.() ?? null;
  if (reason !== null) throw failure('tool.unavailable', `The tool '${name}' cannot run now: ${reason}`, { param });
}

function checkUnique(functions: readonly ClientFunction[]): void {
  const seen = new Set<string>();
  for (const { name } of functions) {
    if (seen.has(name))
      throw failure('request.invalid', `Two functions are named '${name}'. Give each its own name.`, {
        param: 'tools',
      });
    seen.add(name);
  }
}

/** Tools that cannot run now are left out: the model should not plan with them. */
function pinAgentTools(
  agent: Agent,
  available: ReadonlyMap<string, Tool>,
  replaced: ReadonlySet<string>,
): PinnedTool[] {
  return agent.tools.flatMap((name) => {
    const tool = available.get(name);
    const usable = tool !== undefined && !replaced.has(name) && (tool.unavailable?.() ?? null) === null;
    return usable ? [{ name, schemaHash: tool.schemaHash }] : [];
  });
}

type Offered = Pick<ToolSelection, 'tools' | 'clientFunctions'>;

function nameOfChoice(choice: { readonly type: string; readonly name?: string | undefined }): string {
  return choice.type === 'function' ? (choice.name ?? '') : (HOSTED[choice.type] ?? choice.type);
}

function requireOffered(name: string, offered: Offered, param: string): void {
  const names = [...offered.clientFunctions, ...offered.tools].map((tool) => tool.name);
  if (names.includes(name)) return;
  throw failure(
    'request.invalid',
    `tool_choice names '${name}', which is not among the tools: ${names.join(', ') || 'none'}.`,
    { param },
  );
}

function narrow(choice: Extract<RequestedToolChoice, { type: 'allowed_tools' }>, offered: Offered): Offered {
  const allowed = new Set(
    choice.tools.map((tool, index) => {
      const name = nameOfChoice(tool);
      requireOffered(name, offered, `tool_choice.tools[${index}]`);
      return name;
    }),
  );
  return {
    tools: offered.tools.filter((tool) => allowed.has(tool.name)),
    clientFunctions: offered.clientFunctions.filter((tool) => allowed.has(tool.name)),
  };
}

function applyChoice(
  choice: RequestedToolChoice | null,
  offered: Offered,
): Offered & { readonly toolChoice: ToolChoice } {
  if (choice === null) return { ...offered, toolChoice: 'auto' };
  if (typeof choice === 'string') {
    if (choice === 'required' && offered.tools.length + offered.clientFunctions.length === 0) {
      throw failure(
        'request.invalid',
        "tool_choice is 'required', but there are no tools. Send tools or choose 'auto'.",
        { param: 'tool_choice' },
      );
    }
    return { ...offered, toolChoice: choice };
  }
  if (choice.type === 'allowed_tools') return { ...narrow(choice, offered), toolChoice: choice.mode };
  const name = nameOfChoice(choice);
  requireOffered(name, offered, 'tool_choice');
  return { ...offered, toolChoice: { name } };
}

/**
 * The agent keeps its own tools; functions of the client come on top, and one with the name of an agent's tool replaces
 * it for this turn, so that a client never loses a call to a tool it meant to run itself.
 * @throws `request.invalid`, `tool.unavailable`.
 */
export function selectTools(
  agent: Agent,
  tools: readonly Tool[],
  requested: readonly RequestedTool[],
  choice: RequestedToolChoice | null,
): ToolSelection {
  const available = new Map(tools.map((tool) => [tool.name, tool]));
  const clientFunctions: ClientFunction[] = [];
  for (const [index, tool] of requested.entries()) {
    if (tool.type === 'function') clientFunctions.push(toClientFunction(tool, index));
    else checkHosted(tool, index, agent, available);
  }
  checkUnique(clientFunctions);
  const replaced = new Set(clientFunctions.map((tool) => tool.name));
  const offered = { tools: pinAgentTools(agent, available, replaced), clientFunctions };
  return { ...applyChoice(choice, offered), requestedTools: requested as readonly JsonValue[] };
}
