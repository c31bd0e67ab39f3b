/** What one client was told, against what is stored: invariants 1, 3, 4, 6 and 10. Pure. */
import { isTerminalEvent } from '../../../domain/event.js';
import type { TurnEvent } from '../../../domain/event.js';
import { createResponseReducer } from '../../../domain/response-reducer.js';
import type { ResponseResource } from '../../../domain/response-resource.js';
import type { ClientTurn } from '../world/client.js';
import type { Violation } from './violation.js';
import { sortedJson } from './violation.js';

export interface CheckedTurn {
  readonly planId: string;
  readonly turn: ClientTurn;
  readonly stored: ResponseResource | null;
  /** Whose it is, when it is not the administrator's. */
  readonly apiKey?: string;
  /** In words what is wrong with how it ended; null when nothing is. */
  readonly expected: (stored: ResponseResource) => string | null;
}

/** Ids of plans, wherever they turn up. */
export const PLAN_ID = /plan-[a-z0-9]+-\d+/g;

export function checkTurn({ planId, turn, stored, expected }: CheckedTurn): readonly Violation[] {
  const found: Violation[] = [];
  const say = (inv: Violation['inv'], what: string): void => {
    found.push({ inv, where: `${planId} ${turn.id ?? '(no id)'}`, what });
  };
  if (turn.gaveUp !== null) say(turn.id === null ? 1 : 10, turn.gaveUp);
  if (turn.id === null) return found;
  if (stored === null) {
    say(1, 'its id was told, and there is no such response');
    return found;
  }
  for (const [what, told] of Object.entries({ output: stored.output, stream: turn.events })) {
    const foreign = new Set((JSON.stringify(told).match(PLAN_ID) ?? []).filter((id) => id !== planId));
    if (foreign.size > 0) say(6, `its ${what} speaks of ${[...foreign].join(', ')}`);
  }
  if (!isEnded(stored)) say(10, `still ${stored.status}`);
  else if (turn.gaveUp === null) checkEnded(turn, stored, expected, say);
  return found;
}

function checkEnded(
  turn: ClientTurn,
  stored: ResponseResource,
  expected: CheckedTurn['expected'],
  say: (inv: Violation['inv'], what: string) => void,
): void {
  for (const problem of numberProblems(turn)) say(4, problem);
  for (const problem of transcriptProblems(turn, stored)) say(3, problem);
  const unexpected = expected(stored);
  if (unexpected !== null) say(1, unexpected);
}

function isEnded({ status }: ResponseResource): boolean {
  return status !== 'queued' && status !== 'in_progress';
}

/** A snapshot says which number it covers; after one, and for the end told from the store, numbers may jump. */
export function numberProblems({ events }: Pick<ClientTurn, 'events'>): readonly string[] {
  const problems: string[] = [];
  let before: TurnEvent | null = null;
  // What a stream says when it cannot go on is no event of the turn, and has the number of the last one before it.
  for (const { event } of events.filter((each) => (each.event.type as string) !== 'error')) {
    const number = event.sequence_number;
    const last = before?.sequence_number ?? -1;
    const isSnapshot = event.type === 'turnstone:snapshot';
    const mayJump = isSnapshot || isTerminalEvent(event) || before?.type === 'turnstone:snapshot';
    if (isSnapshot ? number < last : number <= last) problems.push(`number ${number} after ${last} (${event.type})`);
    if (!mayJump && number > last + 1)
      problems.push(`numbers ${last + 1} to ${number - 1} are missing (${event.type})`);
    before = event;
  }
  const ends = events.filter(({ event }) => isTerminalEvent(event)).length;
  if (ends !== 1) problems.push(`${ends} terminal events`);
  return problems;
}

/** What the events built, before the end says it: deltas, resets and snapshots must amount to the stored output. */
function transcriptProblems({ events }: ClientTurn, stored: ResponseResource): readonly string[] {
  const first = events.find(({ event }) => 'response' in event)?.event;
  if (first === undefined || !('response' in first)) return ['no event carried the response'];
  const reducer = createResponseReducer(first.response);
  const problems: string[] = [];
  for (const { event } of events) {
    // A failed turn's last step leaves open what it had begun; its terminal event says what is left.
    if (isTerminalEvent(event) && stored.status !== 'failed') {
      compare('the events before the end', reducer.snapshot().output, stored.output, problems);
    }
    reducer.apply(event);
  }
  compare('the terminal event', reducer.snapshot().output, stored.output, problems);
  if (reducer.snapshot().status !== stored.status) {
    problems.push(`the client was told ${reducer.snapshot().status}, stored is ${stored.status}`);
  }
  return problems;
}

function compare(what: string, shown: unknown, stored: unknown, problems: string[]): void {
  const [was, is] = [sortedJson(shown), sortedJson(stored)];
  if (was !== is) problems.push(`${what}: shown ${was.slice(0, 1_500)} but stored ${is.slice(0, 1_500)}`);
}
