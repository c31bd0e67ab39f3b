/**
 * Tool calls as they arrive in pieces. Providers disagree on everything but the order: some number the pieces, some send
 * whole calls without a number, some number every call 0, some send the id or the name late, an empty id, or the same id
 * twice. Here they become calls with a dense `index`, one id each and one name each; arguments are text, in order.
 */
import { newId } from '../../domain/ids.js';
import type { ModelChunk } from '../../domain/ports/model.js';
import { isJsonText } from './wire-reader.js';
import type { FailWith } from './wire-reader.js';

export interface ToolCallDelta {
  /** The provider's number, when it sends one. */
  readonly position: number | null;
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** A call being assembled. `index` is given when it starts, so that indexes are dense and in order of appearance. */
interface Slot {
  id: string;
  name: string;
  arguments: string;
  index: number | null;
}

export interface ToolCallAssembler {
  push(delta: ToolCallDelta): ModelChunk[];
  /** Start what is still waiting for an id, and give calls without arguments the empty object. */
  finish(): ModelChunk[];
  count(): number;
  /** True when the arguments of every call are whole JSON. */
  whole(): boolean;
}

/** More calls than this in one answer is a provider gone wrong, not a plan. */
const MAX_CALLS = 256;

/** Finds the call a piece belongs to, or makes one. */
function createSlots(fail: FailWith): { readonly all: readonly Slot[]; slotFor: (delta: ToolCallDelta) => Slot } {
  const all: Slot[] = [];
  const byPosition = new Map<number, Slot>();

  function add(position: number | null): Slot {
    if (all.length >= MAX_CALLS) throw fail('model.invalid-reply', `it called more than ${MAX_CALLS} tools at once`);
    const slot: Slot = { id: '', name: '', arguments: '', index: null };
    all.push(slot);
    if (position !== null) byPosition.set(position, slot);
    return slot;
  }

  function candidateFor(delta: ToolCallDelta): Slot | undefined {
    if (delta.position !== null) return byPosition.get(delta.position);
    const sameId = delta.id === '' ? undefined : all.findLast((slot) => slot.id === delta.id);
    if (sameId !== undefined) return sameId;
    // A new id or a name without a number begins a call; bare arguments belong to the last one.
    return delta.id === '' && delta.name === '' ? all.at(-1) : undefined;
  }

  return {
    all,
    slotFor(delta) {
      const candidate = candidateFor(delta);
      return candidate === undefined || isAnotherCall(candidate, delta) ? add(delta.position) : candidate;
    },
  };
}

/** @param fail words the failures; thrown are `model.invalid-reply` for a call without a name and for too many calls. */
export function createToolCallAssembler(fail: FailWith): ToolCallAssembler {
  const { all: slots, slotFor } = createSlots(fail);
  const usedIds = new Set<string>();
  let started = 0;

  function start(slot: Slot): ModelChunk[] {
    if (slot.id === '' || usedIds.has(slot.id)) slot.id = newId('toolCall');
    usedIds.add(slot.id);
    slot.index = started;
    started += 1;
    const chunks: ModelChunk[] = [{ type: 'tool-call-start', index: slot.index, callId: slot.id, name: slot.name }];
    if (slot.arguments !== '') chunks.push({ type: 'tool-call-delta', index: slot.index, arguments: slot.arguments });
    return chunks;
  }

  function push(delta: ToolCallDelta): ModelChunk[] {
    const slot = slotFor(delta);
    slot.arguments += delta.arguments;
    if (slot.index !== null) {
      return delta.arguments === '' ? [] : [{ type: 'tool-call-delta', index: slot.index, arguments: delta.arguments }];
    }
    if (slot.id === '') slot.id = delta.id;
    if (delta.name !== '' && delta.name !== slot.name) slot.name += delta.name;
    // Without an id the start waits one piece: some providers send it after the name. Arguments end the wait.
    const ready = slot.name !== '' && (slot.id !== '' || slot.arguments !== '');
    return ready ? start(slot) : [];
  }

  function finish(): ModelChunk[] {
    const chunks: ModelChunk[] = [];
    for (const slot of slots) {
      if (slot.index === null && slot.name === '') {
        if (slot.arguments === '') continue;
        throw fail('model.invalid-reply', 'it called a tool without naming it');
      }
      if (slot.index === null) chunks.push(...start(slot));
      if (slot.arguments !== '' || slot.index === null) continue;
      slot.arguments = '{}';
      chunks.push({ type: 'tool-call-delta', index: slot.index, arguments: '{}' });
    }
    return chunks;
  }

  return {
    push,
    finish,
    count: () => slots.filter((slot) => slot.name !== '' || slot.arguments !== '').length,
    whole: () => slots.every((slot) => slot.arguments === '' || isJsonText(slot.arguments)),
  };
}

/** A piece that shares its number or id with a call, but cannot continue it. */
function isAnotherCall(slot: Slot, delta: ToolCallDelta): boolean {
  if (delta.name === '') return false;
  const otherId = delta.id !== '' && slot.id !== '' && delta.id !== slot.id;
  if (otherId && slot.name !== '') return true;
  return delta.arguments.startsWith('{') && slot.arguments !== '' && isJsonText(slot.arguments);
}
