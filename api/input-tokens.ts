/** An estimate of a request's tokens and of what its first call may cost: the path it would continue, its own input, its instructions and its tools. */
import type { z } from 'zod';
import type { Agent } from '../domain/agent.js';
import type { CallEstimate } from '../domain/budget-ledger.js';
import { estimateCall } from '../domain/call-estimate.js';
import { itemText } from '../domain/item.js';
import type { InputItemParam } from '../domain/item.js';
import type { ModelInfo } from '../domain/ports/model.js';
import type { Scope } from '../domain/scope.js';
import { estimateTokens } from '../domain/tokens.js';
import { placeTurn } from './accept-turn.js';
import type { ApiDeps } from './api-deps.js';
import { loadPath } from './conversation-path.js';
import { selectModel } from './requested-model.js';
import type { inputTokensSchema } from './schemas/response-request.js';
import { decideLimits } from './turn-limits.js';

type Request = z.infer<typeof inputTokensSchema>;

/** Text beyond this is extrapolated from its beginning: counting must not hold up the process. */
const COUNTED_CHARS = 200_000;
/** The merge loop of a tokenizer is quadratic in one unbroken piece, so no piece is longer than this. */
const PIECE_CHARS = 1_000;
/** What roles and separators of a message cost, about. */
const TOKENS_PER_ITEM = 4;

async function countText(text: string): Promise<number> {
  // Loaded at first use: the token table takes tens of megabytes that most processes never need.
  const { countTokens } = await import('gpt-tokenizer');
  const counted = text.slice(0, COUNTED_CHARS);
  let tokens = 0;
  for (let at = 0; at < counted.length; at += PIECE_CHARS) {
    tokens += countTokens(counted.slice(at, at + PIECE_CHARS), { disallowedSpecial: new Set() });
  }
  const rest = text.slice(COUNTED_CHARS);
  return rest === '' ? tokens : tokens + estimateTokens(rest);
}

function paramText(item: InputItemParam): string {
  const content = 'content' in item ? item.content : undefined;
  if (typeof content === 'string') return content;
  if (Array.isArray(content))
    return content.map((part: object) => ('text' in part && typeof part.text === 'string' ? part.text : '')).join('\n');
  if ('output' in item && typeof item.output === 'string') return item.output;
  return 'arguments' in item && typeof item.arguments === 'string' ? item.arguments : '';
}

export interface InputEstimate {
  readonly inputTokens: number;
  /** The model that would be asked first; null: none of the chain is configured. */
  readonly model: ModelInfo | null;
  readonly maxTurnMicros: number;
  /** Of the first call. */
  readonly cost: CallEstimate;
}

/** @throws `response.not-found`, `conversation.not-found`, `model.not-found`. */
export async function estimateInput(deps: ApiDeps, scope: Scope, request: Request): Promise<InputEstimate> {
  const { agent, modelChain } = selectModel(request.model ?? null, deps.agents, deps.models);
  const inputTokens = await countInputTokens(deps, scope, request, agent);
  const model = modelChain.map((name) => deps.models.get(name)).find((each) => each !== null) ?? null;
  const { prices, contextWindow } = model ?? { prices: null, contextWindow: 0 };
  return {
    inputTokens,
    model,
    maxTurnMicros: decideLimits(deps.defaultLimits, agent.limits, {}, null).maxCostMicros,
    cost: estimateCall({ prices, contextWindow, inputTokens, maxOutputTokens: null }),
  };
}

async function countInputTokens(deps: ApiDeps, scope: Scope, request: Request, agent: Agent): Promise<number> {
  const place = placeTurn(request);
  const path = await loadPath(deps, scope, { conversationId: place.conversationId, parentId: place.parentId ?? null });
  const input = typeof request.input === 'string' ? [request.input] : (request.input ?? []).map(paramText);
  const texts = [agent.instructions, request.instructions ?? '', ...path.items.map(itemText), ...input];
  const tools = (request.tools ?? []).map((tool) => JSON.stringify(tool));
  const count = await countText([...texts, ...tools].join('\n'));
  return count + TOKENS_PER_ITEM * (path.items.length + input.length);
}
