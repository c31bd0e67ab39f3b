/** How a tool call is shown: the standard item type where there is one, else `turnstone:tool_call`. Pure. */
import type { TurnEventDraft } from '../domain/event.js';
import type { ProducedFile, ToolItem, ToolItemType } from '../domain/item.js';
import type { JsonObject } from '../domain/json.js';
import type { FileRecord } from '../domain/ports/file-store.js';
import type { ToolReceipt } from '../domain/ports/turn-store.js';

export interface ShownCall {
  readonly itemId: string;
  readonly modelCallId: string;
  readonly name: string;
  readonly arguments: string;
}

/** The item of a call that has not run yet. Arguments that are not JSON are shown as they are. */
export function toToolItem(type: ToolItemType, call: ShownCall, containerId: string): ToolItem {
  const parsed = parseArguments(call.arguments);
  switch (type) {
    case 'code_interpreter_call':
      return {
        type,
        id: call.itemId,
        code: stringField(parsed, 'code') ?? call.arguments,
        container_id: containerId,
        outputs: null,
        status: 'in_progress',
      };
    case 'web_search_call': {
      const url = stringField(parsed, 'url');
      const action =
        url === null
          ? ({ type: 'search', query: stringField(parsed, 'query') ?? call.arguments } as const)
          : ({ type: 'open_page', url } as const);
      return { type, id: call.itemId, action, status: 'in_progress' };
    }
    case 'turnstone:tool_call':
      return {
        type,
        id: call.itemId,
        call_id: call.modelCallId,
        name: call.name,
        arguments: call.arguments,
        output: null,
        status: 'in_progress',
      };
  }
}

/** What follows `output_item.added` for a call whose arguments are complete. */
export function shownEvents(item: ToolItem, outputIndex: number): readonly TurnEventDraft[] {
  const at = { item_id: item.id, output_index: outputIndex };
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

/** The event that says a call has begun to run, where the standard has one. */
export function runningEvent(item: ToolItem, outputIndex: number): TurnEventDraft | null {
  const at = { item_id: item.id, output_index: outputIndex };
  if (item.type === 'code_interpreter_call') return { type: 'response.code_interpreter_call.interpreting', ...at };
  if (item.type === 'web_search_call') return { type: 'response.web_search_call.searching', ...at };
  return null;
}

export interface ToolEnd {
  readonly status: ToolReceipt['status'];
  readonly text: string;
  readonly files: readonly FileRecord[];
  readonly error: { readonly code: string; readonly message: string } | null;
  /** It was refused before its tool saw it: the text is ours, nothing came from outside. */
  readonly notRun?: true;
  /** What a person made of the arguments; absent or null: they are the model's. */
  readonly edited?: string | null;
}

/** The item of a call that is over, and the events that say so. */
export function endedItem(begun: ToolItem, end: ToolEnd): ToolItem {
  const completed = end.status === 'completed';
  const item = typeof end.edited === 'string' ? withArguments(begun, end.edited) : begun;
  // One that waits for a decision in another turn has not failed.
  const unfinished = end.status === 'cancelled' && end.error?.code === 'tool.not-approved' ? 'incomplete' : 'failed';
  switch (item.type) {
    case 'code_interpreter_call': {
      const files = end.files.map(toProducedFile);
      const images = end.files
        .filter((file) => file.mimeType.startsWith('image/'))
        .map((file) => ({ type: 'image' as const, url: `/v1/files/${file.id}/content` }));
      return {
        ...item,
        status: completed ? 'completed' : unfinished,
        outputs: [{ type: 'logs', logs: end.text }, ...images],
        ...(files.length === 0 ? {} : { turnstone_files: files }),
      };
    }
    case 'web_search_call':
      return { ...item, status: completed ? 'completed' : 'failed' };
    case 'turnstone:tool_call':
      return { ...item, status: completed ? 'completed' : unfinished, output: end.text, error: end.error };
  }
}

/** As the call looks with the arguments it really ran with. */
function withArguments(item: ToolItem, argumentsText: string): ToolItem {
  const call = { itemId: item.id, modelCallId: '', name: '', arguments: argumentsText };
  if (item.type === 'turnstone:tool_call') return { ...item, arguments: argumentsText };
  const shown = toToolItem(item.type, call, item.type === 'code_interpreter_call' ? item.container_id : '');
  return item.turnstone_origin === undefined ? shown : { ...shown, turnstone_origin: item.turnstone_origin };
}

export function endedEvents(item: ToolItem, outputIndex: number): readonly TurnEventDraft[] {
  const at = { item_id: item.id, output_index: outputIndex };
  const done: TurnEventDraft = { type: 'response.output_item.done', output_index: outputIndex, item };
  if (item.status !== 'completed') return [done];
  if (item.type === 'code_interpreter_call') return [{ type: 'response.code_interpreter_call.completed', ...at }, done];
  if (item.type === 'web_search_call') return [{ type: 'response.web_search_call.completed', ...at }, done];
  return [done];
}

function toProducedFile(file: FileRecord): ProducedFile {
  return { id: file.id, filename: file.filename, mime_type: file.mimeType, bytes: file.bytes };
}

/** JSON text -> value; undefined when it is not JSON. */
export function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text) as unknown;
  } catch {
    // Not JSON: the caller says so to the model; there is nothing to log.
    return undefined;
  }
}

function stringField(value: unknown, name: string): string | null {
  if (value === null || typeof value !== 'object') return null;
  const field = (value as JsonObject)[name];
  return typeof field === 'string' ? field : null;
}
