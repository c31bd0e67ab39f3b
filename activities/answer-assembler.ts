/**
 * A model's chunks -> output items and their events, in the order and with the life cycles of the Open Responses
 * specification. Pure but for the `emit` it is given: it knows neither the store nor the provider.
 */
import type { TurnEventDraft } from '../domain/event.js';
import { newId } from '../domain/ids.js';
import type { FunctionCallItem, OutputItem, ToolItem } from '../domain/item.js';
import type { ModelChunk } from '../domain/ports/model.js';
import { deltaOf, emptyTextItem, partAdded, partDone, textItem } from './text-item-events.js';
import type { OpenText } from './text-item-events.js';

/** A complete call as the model wrote it. */
export interface AssembledCall {
  readonly modelCallId: string;
  readonly name: string;
  readonly arguments: string;
  readonly itemId: string;
  readonly kind: 'tool' | 'client';
}

export interface AssembledAnswer {
  readonly items: readonly OutputItem[];
  readonly calls: readonly AssembledCall[];
  /** All text the model wrote, for usage estimates. */
  readonly text: string;
}

export interface AnswerAssemblerOptions {
  /** Output index of the step's first item. */
  readonly firstIndex: number;
  readonly emit: (draft: TurnEventDraft) => void;
  readonly isClientFunction: (name: string) => boolean;
  /** Calls beyond this many are dropped: a runaway answer of hundreds of calls is asked for again in smaller steps. */
  readonly maxCalls: number;
  /** The item a server-side call is shown as while it runs. */
  readonly toToolItem: (call: { itemId: string; modelCallId: string; name: string; arguments: string }) => ToolItem;
}

export interface AnswerAssembler {
  push(chunk: ModelChunk): void;
  /** The model is done: close what is open and show the server-side calls. */
  finish(): AssembledAnswer;
  /** The call was cut short: close what is open as incomplete; half-written calls are dropped. */
  cut(): AssembledAnswer;
  /** True once anything was shown. */
  hasOutput(): boolean;
}

interface OpenCall {
  readonly callId: string;
  readonly name: string;
  readonly client: { readonly id: string; readonly index: number } | null;
  arguments: string;
}

const TEXT_KINDS = {
  'text-delta': 'message',
  'refusal-delta': 'refusal',
  'reasoning-delta': 'reasoning',
  'reasoning-summary-delta': 'summary',
} as const;

export function createAnswerAssembler(options: AnswerAssemblerOptions): AnswerAssembler {
  const { emit, firstIndex } = options;
  const items: OutputItem[] = [];
  const calls = new Map<number, OpenCall>();
  let open: OpenText | null = null;
  let allText = '';

  const add = (item: OutputItem): number => {
    items.push(item);
    const index = firstIndex + items.length - 1;
    emit({ type: 'response.output_item.added', output_index: index, item });
    return index;
  };
  const done = (index: number, item: OutputItem): void => {
    items[index - firstIndex] = item;
    emit({ type: 'response.output_item.done', output_index: index, item });
  };

  const openText = (kind: OpenText['kind']): OpenText => {
    if (open?.kind === kind) return open;
    closeText('completed');
    const isMessage = kind === 'message' || kind === 'refusal';
    const id = newId(isMessage ? 'message' : 'reasoning');
    const index = add(emptyTextItem(kind, id));
    open = { kind, index, id, text: '' };
    emit(partAdded(open));
    return open;
  };

  const closeText = (status: 'completed' | 'incomplete'): void => {
    if (open === null) return;
    const { index } = open;
    const item = textItem(open, status);
    for (const draft of partDone(open)) emit(draft);
    open = null;
    done(index, item);
  };

  const pushText = (kind: OpenText['kind'], text: string): void => {
    if (text === '') return;
    const target = openText(kind);
    target.text += text;
    allText += text;
    emit(deltaOf(target, text));
  };

  const startCall = (index: number, callId: string, name: string): void => {
    closeText('completed');
    if (calls.size >= options.maxCalls) return;
    if (!options.isClientFunction(name)) {
      calls.set(index, { callId, name, client: null, arguments: '' });
      return;
    }
    const id = newId('functionCall');
    const at = add({ type: 'function_call', id, call_id: callId, name, arguments: '', status: 'in_progress' });
    calls.set(index, { callId, name, client: { id, index: at }, arguments: '' });
  };

  const pushArguments = (index: number, delta: string): void => {
    const call = calls.get(index);
    if (call === undefined || delta === '') return;
    call.arguments += delta;
    allText += delta;
    if (call.client === null) return;
    const { id, index: at } = call.client;
    emit({ type: 'response.function_call_arguments.delta', item_id: id, output_index: at, delta });
  };

  const closeClientCall = (call: OpenCall, at: { id: string; index: number }): AssembledCall => {
    const item: FunctionCallItem = {
      type: 'function_call',
      id: at.id,
      call_id: call.callId,
      name: call.name,
      arguments: call.arguments,
      status: 'completed',
    };
    const place = { item_id: at.id, output_index: at.index };
    emit({ type: 'response.function_call_arguments.done', ...place, name: call.name, arguments: call.arguments });
    done(at.index, item);
    return { modelCallId: call.callId, name: call.name, arguments: call.arguments, itemId: at.id, kind: 'client' };
  };

  const showToolCall = (call: OpenCall): AssembledCall => {
    const shown = { modelCallId: call.callId, name: call.name, arguments: call.arguments };
    const probe = options.toToolItem({ ...shown, itemId: '' });
    const itemId = newId(ITEM_ID_KINDS[probe.type]);
    const item = options.toToolItem({ ...shown, itemId });
    const index = add(item);
    for (const draft of callShown(item, index)) emit(draft);
    return { ...shown, itemId, kind: 'tool' };
  };

  return {
    push(chunk) {
      switch (chunk.type) {
        case 'text-delta':
        case 'refusal-delta':
        case 'reasoning-delta':
        case 'reasoning-summary-delta':
          return pushText(TEXT_KINDS[chunk.type], chunk.text);
        case 'tool-call-start':
          return startCall(chunk.index, chunk.callId, chunk.name);
        case 'tool-call-delta':
          return pushArguments(chunk.index, chunk.arguments);
        case 'usage':
        case 'finish':
          return undefined;
      }
    },
    finish() {
      closeText('completed');
      const assembled = [...calls.values()].map((call) =>
        call.client === null ? showToolCall(call) : closeClientCall(call, call.client),
      );
      return { items, calls: assembled, text: allText };
    },
    cut() {
      closeText('incomplete');
      for (const call of calls.values()) {
        if (call.client === null) continue;
        const item = items[call.client.index - firstIndex];
        if (item?.type === 'function_call') {
          done(call.client.index, { ...item, arguments: call.arguments, status: 'incomplete' });
        }
      }
      return { items, calls: [], text: allText };
    },
    hasOutput: () => items.length > 0,
  };
}

const ITEM_ID_KINDS = {
  code_interpreter_call: 'codeInterpreterCall',
  web_search_call: 'webSearchCall',
  'turnstone:tool_call': 'genericToolCall',
} as const;

/** What follows `output_item.added` for a call whose arguments are complete. */
function callShown(item: ToolItem, index: number): readonly TurnEventDraft[] {
  const at = { item_id: item.id, output_index: index };
  switch (item.type) {
    case 'code_interpreter_call': {
      const code = item.code ?? '';
      return [
        { type: 'response.code_interpreter_call.in_progress', ...at },
        { type: 'response.code_interpreter_call_code.delta', ...at, delta: code },
        { type: 'response.code_interpreter_call_code.done', ...at, code },
      ];
    }
    case 'web_search_call':
      return [{ type: 'response.web_search_call.in_progress', ...at }];
    case 'turnstone:tool_call':
      return [];
  }
}
