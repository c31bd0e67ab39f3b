/**
 * Items in order -> messages for a model. Each step of a turn becomes one assistant message, followed by one result for
 * each of its calls: a call without a result would make providers refuse the request.
 */
import type { InputContent, InputMessageItem, ToolItem } from '../domain/item.js';
import { itemText } from '../domain/item.js';
import type { ModelMessage, ModelToolCall, UserPart } from '../domain/ports/model.js';
import type { ToolCallRecord } from '../domain/tool.js';
import type { StoredItem } from '../domain/turn.js';
import type { Spotlight } from './spotlight.js';
import { readSummary } from './summary-content.js';

/** Turns a file or image part into something a model takes; done before, because it needs the file store. */
export type PartResolver = (part: InputContent) => UserPart;

const NO_RESULT = 'No result was provided for this call.';

interface Building {
  readonly resolve: PartResolver;
  readonly spotlight: Spotlight;
  readonly callsByItem: ReadonlyMap<string, ToolCallRecord>;
  readonly messages: ModelMessage[];
  /** The assistant message being built, and results known for its calls. */
  text: string;
  calls: ModelToolCall[];
  readonly results: Map<string, string>;
}

export function buildMessages(
  items: readonly StoredItem[],
  toolCalls: readonly ToolCallRecord[],
  resolve: PartResolver,
  spotlight: Spotlight,
): ModelMessage[] {
  const building: Building = {
    resolve,
    spotlight,
    callsByItem: new Map(toolCalls.map((call) => [call.itemId, call])),
    messages: [],
    text: '',
    calls: [],
    results: new Map(),
  };
  let stepKey = '';
  for (const stored of items) {
    const { turnId, step, direction } = stored;
    const key = `${turnId}/${step}`;
    if (key !== stepKey) {
      if (direction === 'output') endAssistantMessage(building);
      else takeResults(building, items, key);
    }
    stepKey = key;
    addItem(building, stored);
  }
  endAssistantMessage(building);
  return building.messages;
}

/** A client may put its message before the results it sends along; they belong to the calls all the same. */
function takeResults(building: Building, items: readonly StoredItem[], key: string): void {
  if (building.calls.length === 0) return;
  for (const stored of items) {
    if (`${stored.turnId}/${stored.step}` === key) addResult(building, stored);
  }
}

function addResult(building: Building, stored: StoredItem): void {
  const { item } = stored;
  if (item.type !== 'function_call_output' || !building.calls.some((call) => call.callId === item.call_id)) return;
  building.results.set(item.call_id, building.spotlight(stored, itemText(item)));
}

function endAssistantMessage(building: Building): void {
  const { messages, text, calls, results } = building;
  if (text !== '' || calls.length > 0) messages.push({ role: 'assistant', text, toolCalls: calls });
  for (const call of calls) {
    messages.push({ role: 'tool', callId: call.callId, text: results.get(call.callId) ?? NO_RESULT });
  }
  building.text = '';
  building.calls = [];
  results.clear();
}

function say(building: Building, text: string): void {
  building.text = building.text === '' ? text : `${building.text}\n\n${text}`;
}

function addItem(building: Building, stored: StoredItem): void {
  const { item } = stored;
  switch (item.type) {
    case 'message':
      if (item.role === 'assistant') say(building, itemText(item));
      else addInputMessage(building, stored, item);
      return;
    // Who was asked and what they said: the call's own result tells the model what follows from it.
    case 'mcp_approval_request':
    case 'mcp_approval_response':
    case 'reasoning':
      return;
    case 'function_call':
      building.calls.push({ callId: item.call_id, name: item.name, arguments: item.arguments });
      return;
    case 'function_call_output':
      addResult(building, stored);
      return;
    case 'compaction': {
      endAssistantMessage(building);
      const summary = building.spotlight(stored, readSummary(item.encrypted_content));
      building.messages.push({ role: 'system', text: `Summary of the conversation so far:\n${summary}` });
      return;
    }
    default:
      addToolItem(building, stored, item);
  }
}

/** People's words stand as they are, also those of imported history; what a file says is fenced. */
function addInputMessage(building: Building, stored: StoredItem, item: InputMessageItem): void {
  endAssistantMessage(building);
  const { role, content } = item;
  building.messages.push(
    role === 'user'
      ? { role, parts: content.map((part) => toUserPart(building, stored, part)) }
      : { role: 'system', text: itemText(item) },
  );
}

function toUserPart(building: Building, stored: StoredItem, part: InputContent): UserPart {
  const resolved = building.resolve(part);
  if (resolved.type !== 'text' || part.type === 'input_text') return resolved;
  return { type: 'text', text: building.spotlight(stored, resolved.text) };
}

function addToolItem(building: Building, stored: StoredItem, item: ToolItem): void {
  const call = building.callsByItem.get(item.id);
  if (call === undefined) {
    // Without a call row it was sent by the client as history: its words count, but not as a result of our tools.
    say(building, `[earlier tool call]\n${building.spotlight(stored, itemText(item))}`);
    return;
  }
  building.calls.push({ callId: call.modelCallId, name: call.name, arguments: call.arguments });
  if (call.result !== null) building.results.set(call.modelCallId, building.spotlight(stored, call.result));
}
