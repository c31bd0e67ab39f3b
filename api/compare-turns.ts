/** Two branches side by side: what they answered, with which tools, for how much, and where they part. */
import { createHash } from 'node:crypto';
import { approvalSubject } from '../domain/approval.js';
import { itemText } from '../domain/item.js';
import type { StepContext } from '../domain/ports/turn-store.js';
import { toResponseUsage } from '../domain/response-resource.js';
import type { Scope } from '../domain/scope.js';
import type { ToolCallRecord } from '../domain/tool.js';
import type { StoredItem, TurnRecord } from '../domain/turn.js';
import type { ApiDeps } from './api-deps.js';
import { requireReadableTurn } from './stored-response.js';

interface Branch {
  readonly turn: TurnRecord;
  readonly items: readonly StoredItem[];
  readonly calls: readonly ToolCallRecord[];
}

export function argumentsHash(call: Pick<ToolCallRecord, 'name' | 'arguments'>): string {
  return createHash('sha256').update(approvalSubject(call.name, call.arguments)).digest('hex');
}

/** @throws `response.not-found`. */
export async function compareTurns(deps: ApiDeps, scope: Scope, leftId: string, rightId: string): Promise<object> {
  const [left, right] = await Promise.all([readBranch(deps, scope, leftId), readBranch(deps, scope, rightId, 'with')]);
  return {
    object: 'response.comparison',
    diverges_at_step: divergence(left, right),
    left: toSide(left),
    right: toSide(right),
  };
}

async function readBranch(deps: ApiDeps, scope: Scope, id: string, param?: string): Promise<Branch> {
  const turn = await requireReadableTurn(deps, scope, id, param);
  const context: StepContext | null = await deps.turns.loadContext(scope, turn.id);
  return {
    turn,
    items: (context?.path ?? []).filter((stored) => stored.turnId === turn.id),
    calls: (context?.toolCalls ?? []).filter((call) => call.turnId === turn.id),
  };
}

const stepsOf = ({ items }: Branch): number => Math.max(0, ...items.map(({ step }) => step));

/** The first step whose record differs: 0 is the input. What was merely numbered otherwise is the same. */
function divergence(left: Branch, right: Branch): number | null {
  const last = Math.max(stepsOf(left), stepsOf(right));
  for (let step = 0; step <= last; step += 1) if (recordOf(left, step) !== recordOf(right, step)) return step;
  return null;
}

function recordOf({ items, calls }: Branch, step: number): string {
  const said = items.filter((stored) => stored.step === step).map(({ item }) => [item.type, itemText(item)]);
  const called = calls
    .filter((call) => call.step === step)
    .map((call) => [argumentsHash(call), call.status, call.result]);
  return JSON.stringify([said, called]);
}

function answerOf({ items }: Branch): string {
  const messages = items.filter(({ item }) => item.type === 'message' && item.role === 'assistant');
  return messages.map(({ item }) => itemText(item)).join('\n\n');
}

function toSide(branch: Branch): object {
  const { turn, calls } = branch;
  const { fork } = turn.settings;
  return {
    id: turn.id,
    status: turn.status,
    answer: answerOf(branch),
    model: turn.settings.requestedModel,
    answered_by: turn.answeredBy,
    forked_from: fork === undefined ? null : { id: fork.turnId, step: fork.step, changed: fork.changed },
    steps: stepsOf(branch),
    tools: calls.map((call) => ({
      step: call.step,
      call: call.itemId,
      name: call.name,
      arguments_hash: argumentsHash(call),
      effect: call.effect,
      outcome: call.status,
      copied: fork !== undefined && call.step < fork.step,
    })),
    usage: toResponseUsage(turn.usage),
    cost_micros: turn.costMicros,
    cost_incomplete: turn.costIncomplete,
    duration_ms: turn.completedAtMs === null ? null : turn.completedAtMs - turn.createdAtMs,
  };
}
