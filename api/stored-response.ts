/** The stored truth about a response: what `GET /v1/responses/{id}` answers and what every wait ends with. */
import { failure } from '../domain/failures.js';
import { isId } from '../domain/ids.js';
import type { Item, OutputItem } from '../domain/item.js';
import type { ApprovalStore } from '../domain/ports/approval-store.js';
import type { TurnStore } from '../domain/ports/turn-store.js';
import { toResponseResource } from '../domain/response-resource.js';
import type { ResponseResource } from '../domain/response-resource.js';
import type { Scope } from '../domain/scope.js';
import { isTerminal } from '../domain/turn.js';
import type { TurnRecord } from '../domain/turn.js';

interface StoreDeps {
  readonly turns: TurnStore;
}

interface ResourceDeps extends StoreDeps {
  readonly approvals: ApprovalStore;
}

const notFound = (id: string, param: string | undefined): Error =>
  failure(
    'response.not-found',
    `There is no response '${id.slice(0, 128)}'. It may have been deleted, or created with store: false.`,
    { param },
  );

export function isOutputItem(item: Item): item is OutputItem {
  if (item.type === 'message') return item.role === 'assistant';
  return item.type !== 'function_call_output' && item.type !== 'mcp_approval_response';
}

/** A turn of this scope, whatever its state. @throws `response.not-found`. */
export async function requireTurn(deps: StoreDeps, scope: Scope, id: string, param?: string): Promise<TurnRecord> {
  const turn = isId(id) ? await deps.turns.get(scope, id) : null;
  if (turn === null || turn.kind === 'items') throw notFound(id, param);
  return turn;
}

/** A turn clients may still see: one created with `store: false` is gone once it has ended. @throws `response.not-found`. */
export async function requireReadableTurn(
  deps: StoreDeps,
  scope: Scope,
  id: string,
  param?: string,
): Promise<TurnRecord> {
  const turn = await requireTurn(deps, scope, id, param);
  if (!turn.stored && isTerminal(turn.status)) throw notFound(id, param);
  return turn;
}

export async function loadResource(deps: ResourceDeps, scope: Scope, turn: TurnRecord): Promise<ResponseResource> {
  if (turn.status === 'queued') return loadQueued(deps, scope, turn);
  const [stored, waits] = await Promise.all([deps.turns.output(scope, turn.id), waitsForPeople(deps, scope, turn)]);
  const resource = toResponseResource(turn, stored.map(({ item }) => item).filter(isOutputItem));
  return waits ? { ...resource, turnstone: { ...resource.turnstone, waiting_for: 'approval' } } : resource;
}

async function waitsForPeople(deps: ResourceDeps, scope: Scope, turn: TurnRecord): Promise<boolean> {
  if (isTerminal(turn.status)) return false;
  const query = { status: 'pending', conversationId: null, turnId: turn.id, after: null, order: 'asc' } as const;
  return (await deps.approvals.list(scope, { ...query, limit: 1 })).approvals.length > 0;
}

/** Nothing is there yet but its place; null: its turn came at this moment. */
async function loadQueued(deps: StoreDeps, scope: Scope, turn: TurnRecord): Promise<ResponseResource> {
  const response = toResponseResource(turn, []);
  const position = await deps.turns.findQueuePosition(scope, turn.id);
  return position === null
    ? { ...response, status: 'in_progress' }
    : { ...response, turnstone: { ...response.turnstone, queue_position: position } };
}

/** The turn as it is now, with its output. */
export async function reloadResource(deps: ResourceDeps, scope: Scope, turnId: string): Promise<ResponseResource> {
  return loadResource(deps, scope, await requireTurn(deps, scope, turnId));
}
