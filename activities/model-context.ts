/**
 * The stored path of a turn -> the messages a model gets. Pure. Calls and results always stand together: a call without a
 * result would make providers refuse the request.
 */
import type { InputContent, Item, ToolItem } from '../domain/item.js';
import { itemText } from '../domain/item.js';
import { LIMIT_EXPLANATIONS } from '../domain/limits.js';
import type { LimitReason } from '../domain/limits.js';
import type { ModelMessage, ModelToolCall, UserPart } from '../domain/ports/model.js';
import type { StepContext } from '../domain/ports/turn-store.js';
import type { ToolCallRecord } from '../domain/tool.js';
import type { StoredItem } from '../domain/turn.js';

/** Turns a file or image part into something a model takes; done before, because it needs the file store. */
export type PartResolver = (part: InputContent) => UserPart;

const NO_RESULT = 'No result was provided for this call.';

export function toModelMessages(context: StepContext, resolve: PartResolver, wrapUp: LimitReason | null): ModelMessage[] {
  const { settings } = context.turn;
  const builder = createMessageBuilder(context.toolCalls, resolve);
  for (const stored of keptItems(context.path)) builder.add(stored);
  const system = [settings.agentInstructions, settings.instructions ?? ''].filter((text) => text.trim() !== '');
  const messages = builder.messages();
  if (system.length > 0) messages.unshift({ role: 'system', text: system.join('\n\n') });
  if (wrapUp !== null) messages.push({ role: 'system', text: wrapUpNote(wrapUp) });
  return messages;
}

function wrapUpNote(reason: LimitReason): string {
  return (
    `No more tools can be used: ${LIMIT_EXPLANATIONS[reason]}. Write the final answer now from what you have, ` +
    'and say plainly what is missing or unverified.'
  );
}

/**
 * A compaction item written at step s of turn T stands for all turns before T and for T's steps up to s - 2; T's input and
 * its last step stay word for word, because the model is in the middle of working with them.
 */
export function keptItems(path: readonly StoredItem[]): readonly StoredItem[] {
  const at = path.findLastIndex((stored) => stored.item.type === 'compaction');
  const compaction = path[at];
  if (compaction === undefined) return path;
  const kept = path.filter((stored, position) => {
    if (stored.item.type === 'compaction') return false;
    if (position > at) return true;
    return stored.turnId === compaction.turnId && (stored.step === 0 || stored.step >= compaction.step - 1);
  });
  return [compaction, ...kept];
}

interface MessageBuilder {
  add(stored: StoredItem): void;
  messages(): ModelMessage[];
}

function createMessageBuilder(toolCalls: readonly ToolCallRecord[], resolve: PartResolver): MessageBuilder {
  const callsByItem = new Map(toolCalls.map((call) => [call.itemId, call]));
  const messages: ModelMessage[] = [];
  let text = '';
  let calls: ModelToolCall[] = [];
  const results = new Map<string, string>();
  let stepKey = '';

  /** Ends the assistant message being built, with a result for each of its calls. */
  const flush = (): void => {
    if (text !== '' || calls.length > 0) messages.push({ role: 'assistant', text, toolCalls: calls });
    for (const call of calls) {
      messages.push({ role: 'tool', callId: call.callId, text: results.get(call.callId) ?? NO_RESULT });
    }
    text = '';
    calls = [];
    results.clear();
  };
  const say = (more: string): void => {
    text = text === '' ? more : `${text}\n\n${more}`;
  };
  const addCall = (call: ModelToolCall, result: string | null): void => {
    calls.push(call);
    if (result !== null) results.set(call.callId, result);
  };

  const addItem = (item: Item): void => {
    switch (item.type) {
      case 'message':
        if (item.role === 'assistant') return say(itemText(item));
        flush();
        messages.push(
          item.role === 'user'
            ? { role: 'user', parts: item.content.map(resolve) }
            : { role: 'system', text: itemText(item) },
        );
        return;
      case 'reasoning':
        return;
      case 'function_call':
        return addCall({ callId: item.call_id, name: item.name, arguments: item.arguments }, null);
      case 'function_call_output':
        results.set(item.call_id, itemText(item));
        return;
      case 'compaction':
        flush();
        messages.push({ role: 'system', text: `Summary of the conversation so far:\n${readSummary(item.encrypted_content)}` });
        return;
      default:
        return addToolItem(item);
    }
  };

  const addToolItem = (item: ToolItem): void => {
    const call = callsByItem.get(item.id);
    // An item without a call row was sent by the client as history: its words count, not as a result of our tools.
    if (call === undefined) return say(`[earlier tool call]\n${itemText(item)}`);
    addCall({ callId: call.modelCallId, name: call.name, arguments: call.arguments }, call.result);
  };

  return {
    add(stored) {
      // Each step of a turn is one assistant message; results of client calls arrive as input of the next turn.
      const key = `${stored.turnId}/${stored.step}`;
      const continuesCalls = stored.item.type === 'function_call_output' && calls.length > 0;
      if (key !== stepKey && stored.direction === 'output') flush();
      if (!continuesCalls) stepKey = key;
      addItem(stored.item);
    },
    messages() {
      flush();
      return messages;
    },
  };
}

export function writeSummary(summary: string): string {
  return Buffer.from(JSON.stringify({ summary }), 'utf8').toString('base64url');
}

/** A compaction item can come from a client: what does not parse is shown as nothing rather than trusted. */
export function readSummary(content: string): string {
  try {
    const parsed = JSON.parse(Buffer.from(content, 'base64url').toString('utf8')) as { summary?: unknown };
    return typeof parsed.summary === 'string' ? parsed.summary : '';
  } catch {
    return '';
  }
}
