/** Export and import of a conversation. Pure. Who owned it and the agents' own instructions stay out of the file. */
import { failure } from '../../domain/failures.js';
import type { ConversationBundle } from '../../domain/ports/conversation-store.js';
import type { Scope } from '../../domain/scope.js';
import { asImported } from '../../domain/taint.js';
import type { TextFormat, TurnRecord } from '../../domain/turn.js';
import type { ConversationImport } from '../schemas/conversation-bundle.js';
import { toStoredItem } from '../schemas/stored-item-schema.js';

type ImportedTurn = ConversationImport['turns'][number];

export function toExport(bundle: ConversationBundle): object {
  const { principalId: _owner, ...conversation } = bundle.conversation;
  return {
    object: 'conversation.export',
    version: 1,
    conversation,
    turns: bundle.turns.map(({ turn, items }) => {
      const {
        tenantId: _tenant,
        principalId: _principal,
        conversationId: _conversation,
        requestId: _request,
        ...rest
      } = turn;
      const { agentInstructions: _instructions, ...settings } = turn.settings;
      return {
        turn: { ...rest, settings },
        items: items.map(({ step, index, direction, item }) => ({ step, index, direction, item })),
      };
    }),
  };
}

/** Parents must be in the file and come from nowhere but a root: a cycle would make every later walk endless. */
function checkTree(turns: readonly ImportedTurn[]): void {
  const parents = new Map(turns.map(({ turn }) => [turn.id, turn.parentId]));
  if (parents.size !== turns.length)
    throw failure('request.invalid', 'Two turns of the import have the same id.', { param: 'turns' });
  const rooted = new Set<string>();
  for (const [index, { turn }] of turns.entries()) {
    const walked = new Set<string>();
    for (let id: string | null = turn.id; id !== null && !rooted.has(id);) {
      const param = `turns[${index}].turn.parentId`;
      if (walked.has(id))
        throw failure('request.invalid', `The turn '${turn.id}' is its own ancestor. Correct parentId.`, { param });
      walked.add(id);
      const parent = parents.get(id);
      if (parent === undefined)
        throw failure('request.invalid', `The turn '${turn.id}' has an ancestor '${id}' that is not in the import.`, {
          param,
        });
      id = parent;
    }
    for (const id of walked) rooted.add(id);
  }
}

function checkHead(body: ConversationImport): void {
  const head = body.conversation.headTurnId;
  if (head === null || body.turns.some(({ turn }) => turn.id === head)) return;
  throw failure('request.invalid', `headTurnId names the turn '${head}', which is not in the import.`, {
    param: 'conversation.headTurnId',
  });
}

function toTextFormat(format: ImportedTurn['turn']['settings']['textFormat']): TextFormat {
  if (format.type !== 'json_schema') return { type: format.type };
  return { ...format, strict: format.strict ?? false, description: format.description ?? null };
}

function toTurn(
  { turn }: ImportedTurn,
  conversationId: string,
  owner: { scope: Scope; requestId: string },
): TurnRecord {
  return {
    ...turn,
    tenantId: owner.scope.tenantId,
    principalId: owner.scope.principalId,
    conversationId,
    requestId: owner.requestId,
    completedAtMs: turn.completedAtMs ?? turn.createdAtMs,
    settings: { ...turn.settings, agentInstructions: '', textFormat: toTextFormat(turn.settings.textFormat) },
  };
}

/** @throws `request.invalid` for a tree that is none. */
export function toBundle(body: ConversationImport, owner: { scope: Scope; requestId: string }): ConversationBundle {
  checkTree(body.turns);
  checkHead(body);
  return {
    conversation: { ...body.conversation, principalId: owner.scope.principalId },
    turns: body.turns.map((entry) => ({
      turn: toTurn(entry, body.conversation.id, owner),
      items: entry.items.map((stored) => ({
        ...stored,
        turnId: entry.turn.id,
        item: asImported(toStoredItem(stored.item)),
      })),
    })),
  };
}
