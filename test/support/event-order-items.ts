/** The life of each item of a stream: added, its parts and their deltas, done. */
import type { TurnEvent } from '../../domain/event.js';
import type { OutputItem } from '../../domain/item.js';

interface FollowedPart {
  readonly type: string;
  text: string;
  /** `deltas`, then the whole text was said, then the part was closed. */
  state: 'open' | 'said' | 'closed';
}

export interface FollowedItem {
  readonly id: string;
  readonly type: OutputItem['type'];
  /** By `content 0`, `summary 0`. */
  readonly parts: Map<string, FollowedPart>;
  /** Arguments of a function call, code of an interpreter call: text without a part. */
  written: string;
  writtenWhole: boolean;
  /** Words of its own life: in_progress, interpreting, completed. */
  readonly phases: string[];
  /** Stages that have begun and not ended. */
  readonly stages: Set<string>;
  done: boolean;
}

type Complain = (what: string) => void;

const PHASES = ['in_progress', 'interpreting', 'searching', 'completed'];

export function openParts(item: FollowedItem): number {
  return [...item.parts.values()].filter((part) => part.state !== 'closed').length;
}

export function checkItemEvent(event: TurnEvent, items: FollowedItem[], say: Complain): void {
  if (event.type === 'response.output_item.added') {
    addItem(event, items, say);
    return;
  }
  if (!('output_index' in event)) return;
  const item = items[event.output_index ?? -1];
  if (item === undefined) say(`nothing was added at ${event.output_index}`);
  else if (item.done) say(`item ${event.output_index} is already done`);
  else if (event.type === 'response.output_item.done') endItem(event.item, item, say);
  else if ('item_id' in event && event.item_id !== item.id) say(`item_id ${event.item_id} at the place of ${item.id}`);
  else checkInside(event, item, say);
}

type ItemEvent = Pick<Extract<TurnEvent, { item: OutputItem }>, 'item' | 'output_index'>;

function addItem({ item, output_index }: ItemEvent, items: FollowedItem[], say: Complain): void {
  if (output_index !== items.length) say(`output_index ${output_index}, expected ${items.length}`);
  if ('status' in item && item.status !== 'in_progress') say(`added with status ${item.status}`);
  if ('content' in item && item.content.length > 0) say('added with content');
  if ('summary' in item && item.summary.length > 0) say('added with a summary');
  if (item.type === 'function_call' && item.arguments !== '') say('added with arguments');
  if (items.some((other) => other.id === item.id)) say(`the id ${item.id} was used before`);
  items[output_index] = {
    id: item.id,
    type: item.type,
    parts: new Map(),
    written: '',
    writtenWhole: false,
    phases: [],
    stages: new Set(),
    done: false,
  };
}

function checkInside(event: TurnEvent, item: FollowedItem, say: Complain): void {
  const [, subject = '', moment = ''] = /^(?:response|turnstone)[.:](.*)\.(\w+)$/.exec(event.type) ?? [];
  if (subject === 'stage' && 'stage_id' in event) checkStage(event.stage_id, moment, item, say);
  else if (subject.endsWith('_part')) checkPart(event, moment, item, say);
  else if ('content_index' in event || 'summary_index' in event) checkText(event, item, say);
  else if (PHASES.includes(moment)) checkPhase(subject, moment, item, say);
  else checkWritten(event, item, say);
}

function checkStage(id: string, moment: string, item: FollowedItem, say: Complain): void {
  if (moment === 'started') {
    if (item.stages.has(id)) say(`the stage ${id} began twice`);
    item.stages.add(id);
  } else if (!item.stages.delete(id)) {
    say(`the stage ${id} ended without having begun`);
  }
}

function keyOf(event: TurnEvent): string {
  if ('content_index' in event) return `content ${event.content_index}`;
  return 'summary_index' in event ? `summary ${event.summary_index}` : '';
}

function checkPart(event: TurnEvent, moment: string, item: FollowedItem, say: Complain): void {
  if (!('part' in event)) return;
  const key = keyOf(event);
  const { type } = event.part;
  const text = 'refusal' in event.part ? event.part.refusal : event.part.text;
  if (moment === 'done') {
    closePart(item.parts.get(key), { type, text }, (what) => say(`the part ${key} ${what}`));
    return;
  }
  if (item.parts.has(key)) say(`the part ${key} was added twice`);
  if (text !== '') say('a part was added with text');
  item.parts.set(key, { type, text: '', state: 'open' });
}

function closePart(known: FollowedPart | undefined, end: { type: string; text: string }, say: Complain): void {
  if (known?.state !== 'said') say(`was closed in state ${known?.state ?? 'absent'}`);
  if (known === undefined) return;
  if (known.text !== end.text) say('closes with another text than its deltas');
  if (known.type !== end.type) say(`closes as ${end.type}`);
  known.state = 'closed';
}

function checkText(event: TurnEvent, item: FollowedItem, say: Complain): void {
  const part = item.parts.get(keyOf(event));
  if (part?.state !== 'open') {
    say(`text for the part ${keyOf(event)} in state ${part?.state ?? 'absent'}`);
    return;
  }
  if ('delta' in event) {
    if (event.delta === '') say('an empty delta');
    part.text += event.delta;
    return;
  }
  const whole = 'text' in event ? event.text : 'refusal' in event ? event.refusal : '';
  if (whole !== part.text) say(`the whole text is not its deltas: ${JSON.stringify([part.text, whole])}`);
  part.state = 'said';
}

function checkPhase(subject: string, moment: string, item: FollowedItem, say: Complain): void {
  if (subject !== item.type) say(`${subject} for an item of type ${item.type}`);
  const before = item.phases.at(-1);
  if (before !== undefined && PHASES.indexOf(before) >= PHASES.indexOf(moment)) say(`${moment} after ${before}`);
  item.phases.push(moment);
}

function checkWritten(event: TurnEvent, item: FollowedItem, say: Complain): void {
  if (item.writtenWhole) say('more after the whole was written');
  if ('delta' in event) {
    item.written += event.delta;
    return;
  }
  const whole = 'arguments' in event ? event.arguments : 'code' in event ? event.code : null;
  if (whole === null) say('an event without a rule');
  else if (whole !== item.written) say(`the whole is not its deltas: ${JSON.stringify([item.written, whole])}`);
  item.writtenWhole = true;
}

function endItem(final: OutputItem, item: FollowedItem, say: Complain): void {
  item.done = true;
  if (final.id !== item.id || final.type !== item.type) say(`${final.type} ${final.id} at the place of ${item.id}`);
  if (openParts(item) > 0) say('done with open parts');
  if ('status' in final && !['completed', 'incomplete', 'failed'].includes(final.status))
    say(`done with ${final.status}`);
  if (final.type === 'message' || final.type === 'reasoning') {
    const texts = [...('summary' in final ? final.summary : []), ...final.content].map((part) =>
      'refusal' in part ? part.refusal : part.text,
    );
    const built = [...item.parts.values()].map((part) => part.text);
    if (JSON.stringify(texts) !== JSON.stringify(built)) say(`its texts are not its parts: ${JSON.stringify(texts)}`);
  }
  checkCallEnd(final, item, say);
}

function checkCallEnd(final: OutputItem, item: FollowedItem, say: Complain): void {
  if (final.type === 'function_call' && final.status === 'completed') {
    if (!item.writtenWhole) say('a completed call whose arguments were never done');
    if (final.arguments !== item.written) say('its arguments are not what was written');
  }
  const phased = final.type === 'code_interpreter_call' || final.type === 'web_search_call';
  if (phased && (final.status === 'completed') !== (item.phases.at(-1) === 'completed')) {
    say(`done as ${final.status} after ${item.phases.join(', ')}`);
  }
}
