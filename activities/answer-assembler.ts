/**
 * A model's chunks -> output items and their events, in the order and with the life cycles of the Open Responses
 * specification. Pure but for the `emit` it is given: it knows neither the store nor the provider.
 */
import type { TurnEventDraft } from '../domain/event.js';
import { newId } from '../domain/ids.js';
import { storableText } from '../domain/json.js';
import type { FunctionCallItem, OutputItem, ToolItem } from '../domain/item.js';
import type { ModelChunk } from '../domain/ports/model.js';
import { joinPiece } from './streamed-text.js';
import { deltaOf, emptyTextItem, partAdded, partDone, textItem } from './text-item-events.js';
import type { OpenText } from './text-item-events.js';
import type { ShownCall } from './tool-items.js';
import { shownEvents } from './tool-items.js';

/** A complete call as the model wrote it. */
export interface AssembledCall extends ShownCall {
  readonly kind: 'tool' | 'client';
}

export interface AssembledAnswer {
  readonly items: readonly OutputItem[];
  readonly calls: readonly AssembledCall[];
}

export interface AnswerAssemblerOptions {
  /** Output index of the step's first item. */
  readonly firstIndex: number;
  readonly emit: (draft: TurnEventDraft) => void;
  readonly isClientFunction: (name: string) => boolean;
  /** Calls beyond this many are dropped: a runaway answer of hundreds of calls is asked for again in smaller steps. */
  readonly maxCalls: number;
  /** Where the answer comes from: `derived` when the model saw untrusted parts. */
  readonly origin: 'trusted' | 'derived';
  /** The item a server-side call is shown as while it runs; its `itemId` is given by the assembler. */
  readonly toToolItem: (call: ShownCall) => ToolItem;
}

export interface AnswerAssembler {
  push(chunk: ModelChunk): void;
  /** The model is done: close what is open and show the server-side calls. */
  finish(): AssembledAnswer;
  /** The answer is over and may call no tool: calls of the server's tools are dropped, nothing of them was shown. */
  finishWithoutTools(): AssembledAnswer;
  /** The call was cut short: close what is open as incomplete; half-written calls are dropped. */
  cut(): AssembledAnswer;
  /** True once anything was shown. */
  hasOutput(): boolean;
}

interface OpenCall {
  readonly callId: string;
  readonly name: string;
  /** Where a client function's item is; null for a server-side call, which is shown when it is complete. */
  readonly shownAt: { readonly id: string; readonly index: number } | null;
  arguments: string;
  held: string;
}

interface Assembly {
  readonly options: AnswerAssemblerOptions;
  readonly items: OutputItem[];
  readonly calls: Map<number, OpenCall>;
  text: OpenText | null;
}

const TEXT_KINDS = {
  'text-delta': 'message',
  'refusal-delta': 'refusal',
  'reasoning-delta': 'reasoning',
  'reasoning-summary-delta': 'summary',
} as const;

const ITEM_ID_KINDS = {
  code_interpreter_call: 'codeInterpreterCall',
  web_search_call: 'webSearchCall',
  'turnstone:tool_call': 'genericToolCall',
} as const;

export function createAnswerAssembler(options: AnswerAssemblerOptions): AnswerAssembler {
  const assembly: Assembly = { options, items: [], calls: new Map(), text: null };
  return {
    push: (chunk) => pushChunk(assembly, chunk),
    finish() {
      closeText(assembly, 'completed');
      const calls = [...assembly.calls.values()].map((call) => {
        extendArguments(assembly, call, storableText(call.held));
        return call.shownAt === null ? showToolCall(assembly, call) : closeClientCall(assembly, call, call.shownAt);
      });
      return { items: assembly.items, calls };
    },
    finishWithoutTools() {
      closeText(assembly, 'completed');
      const calls = [...assembly.calls.values()].flatMap((call) => {
        if (call.shownAt === null) return [];
        extendArguments(assembly, call, storableText(call.held));
        return [closeClientCall(assembly, call, call.shownAt)];
      });
      return { items: assembly.items, calls };
    },
    cut() {
      closeText(assembly, 'incomplete');
      for (const call of assembly.calls.values()) {
        if (call.shownAt !== null)
          itemDone(assembly, call.shownAt.index, clientItem(call, call.shownAt.id, 'incomplete'));
      }
      return { items: assembly.items, calls: [] };
    },
    hasOutput: () => assembly.items.length > 0,
  };
}

function pushChunk(assembly: Assembly, chunk: ModelChunk): void {
  switch (chunk.type) {
    case 'text-delta':
    case 'refusal-delta':
    case 'reasoning-delta':
    case 'reasoning-summary-delta':
      pushText(assembly, TEXT_KINDS[chunk.type], chunk.text);
      return;
    case 'tool-call-start':
      startCall(assembly, chunk.index, chunk.callId, chunk.name);
      return;
    case 'tool-call-delta':
      pushArguments(assembly, chunk.index, chunk.arguments);
      return;
    case 'usage':
    case 'finish':
      return;
  }
}

/** Marks what is written from an untrusted context, so that it stays known for it when that context is gone. */
function marked({ options }: Assembly, item: OutputItem): OutputItem {
  if (options.origin === 'trusted' || (item.type !== 'message' && item.type !== 'function_call')) return item;
  return { ...item, turnstone_origin: options.origin };
}

function addItem(assembly: Assembly, plain: OutputItem): number {
  const { firstIndex, emit } = assembly.options;
  const item = marked(assembly, plain);
  assembly.items.push(item);
  const index = firstIndex + assembly.items.length - 1;
  emit({ type: 'response.output_item.added', output_index: index, item });
  return index;
}

function itemDone(assembly: Assembly, index: number, plain: OutputItem): void {
  const item = marked(assembly, plain);
  assembly.items[index - assembly.options.firstIndex] = item;
  assembly.options.emit({ type: 'response.output_item.done', output_index: index, item });
}

function pushText(assembly: Assembly, kind: OpenText['kind'], delta: string): void {
  if (delta === '') return;
  const text = assembly.text?.kind === kind ? assembly.text : openText(assembly, kind);
  const piece = joinPiece(text.held, delta);
  text.held = piece.held;
  extendText(assembly, text, piece.text);
}

function extendText(assembly: Assembly, text: OpenText, delta: string): void {
  if (delta === '') return;
  text.text += delta;
  assembly.options.emit(deltaOf(text, delta));
}

function openText(assembly: Assembly, kind: OpenText['kind']): OpenText {
  closeText(assembly, 'completed');
  const id = newId(kind === 'message' || kind === 'refusal' ? 'message' : 'reasoning');
  const text: OpenText = { kind, id, index: addItem(assembly, emptyTextItem(kind, id)), text: '', held: '' };
  assembly.text = text;
  assembly.options.emit(partAdded(text));
  return text;
}

function closeText(assembly: Assembly, status: 'completed' | 'incomplete'): void {
  const { text } = assembly;
  if (text === null) return;
  assembly.text = null;
  extendText(assembly, text, storableText(text.held));
  for (const draft of partDone(text)) assembly.options.emit(draft);
  itemDone(assembly, text.index, textItem(text, status));
}

function startCall(assembly: Assembly, at: number, callId: string, name: string): void {
  closeText(assembly, 'completed');
  if (assembly.calls.size >= assembly.options.maxCalls) return;
  const call: OpenCall = {
    callId: storableText(callId),
    name: storableText(name),
    shownAt: null,
    arguments: '',
    held: '',
  };
  if (!assembly.options.isClientFunction(call.name)) {
    assembly.calls.set(at, call);
    return;
  }
  const id = newId('functionCall');
  const index = addItem(assembly, clientItem(call, id, 'in_progress'));
  assembly.calls.set(at, { ...call, shownAt: { id, index } });
}

function pushArguments(assembly: Assembly, at: number, delta: string): void {
  const call = assembly.calls.get(at);
  if (call === undefined || delta === '') return;
  const piece = joinPiece(call.held, delta);
  call.held = piece.held;
  extendArguments(assembly, call, piece.text);
}

function extendArguments(assembly: Assembly, call: OpenCall, delta: string): void {
  if (delta === '') return;
  call.arguments += delta;
  if (call.shownAt === null) return;
  const { id, index } = call.shownAt;
  assembly.options.emit({ type: 'response.function_call_arguments.delta', item_id: id, output_index: index, delta });
}

function clientItem(call: OpenCall, id: string, status: FunctionCallItem['status']): FunctionCallItem {
  return { type: 'function_call', id, call_id: call.callId, name: call.name, arguments: call.arguments, status };
}

function closeClientCall(assembly: Assembly, call: OpenCall, at: { id: string; index: number }): AssembledCall {
  assembly.options.emit({
    type: 'response.function_call_arguments.done',
    item_id: at.id,
    output_index: at.index,
    name: call.name,
    arguments: call.arguments,
  });
  itemDone(assembly, at.index, clientItem(call, at.id, 'completed'));
  return { itemId: at.id, modelCallId: call.callId, name: call.name, arguments: call.arguments, kind: 'client' };
}

function showToolCall(assembly: Assembly, call: OpenCall): AssembledCall {
  const shown = { itemId: '', modelCallId: call.callId, name: call.name, arguments: call.arguments };
  // The item's type decides the prefix of its id.
  const itemId = newId(ITEM_ID_KINDS[assembly.options.toToolItem(shown).type]);
  const item = assembly.options.toToolItem({ ...shown, itemId });
  const index = addItem(assembly, item);
  for (const draft of shownEvents(item, index)) assembly.options.emit(draft);
  return { ...shown, itemId, kind: 'tool' };
}
