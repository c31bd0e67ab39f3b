/** What must be true when a schedule is over, whatever was in it. */
import type { TurnEvent } from '../../domain/event.js';
import { isTerminalEvent } from '../../domain/event.js';
import type { Item } from '../../domain/item.js';
import { createResponseReducer } from '../../domain/response-reducer.js';
import { toResponseResource } from '../../domain/response-resource.js';
import { isTerminal } from '../../domain/turn.js';
import type { TurnRow } from '../support/in-memory-stores-tables.js';
import { inOrder } from '../support/in-memory-stores-tables.js';
import { LIMITS } from './turn-world.js';
import type { World } from './turn-world.js';

/** @returns what is wrong; empty when all is well. */
export function violations(world: World): string[] {
  const row = [...world.tables.turns.values()].find(({ turn }) => turn.id === world.turn.id);
  if (row === undefined) return ['the accepted turn is gone'];
  return [
    ...endingViolations(row),
    ...effectViolations(world, row),
    ...streamViolations(world, row),
    ...limitViolations(row),
  ];
}

function endingViolations({ turn, calls }: TurnRow): string[] {
  const problems: string[] = [];
  if (!isTerminal(turn.status)) problems.push(`the turn has no end: ${turn.status}`);
  if (turn.status === 'completed' && calls.some((call) => call.result === null))
    problems.push('completed with a call that has no result');
  return problems;
}

/** Outside, equal keys count once: that is what a key is for. An unkeyed call runs once or not at all. */
function effectViolations({ effects }: World, { calls }: TurnRow): string[] {
  const runs = new Map<string, number>();
  for (const { key, effect } of effects) if (effect === 'unkeyed') runs.set(key, (runs.get(key) ?? 0) + 1);
  const twice = [...runs.values()].filter((count) => count > 1).length;
  const keyed = new Set(effects.filter(({ effect }) => effect === 'keyed').map(({ key }) => key)).size;
  const callsOf = (name: string): number => calls.filter((call) => call.name === name).length;
  const silent = calls.filter((call) => call.name === 'unkeyed' && call.status === 'completed').length;
  return [
    ...(twice > 0 ? [`${twice} unkeyed calls ran more than once`] : []),
    ...(keyed > callsOf('keyed') ? [`${keyed} keys for ${callsOf('keyed')} keyed calls`] : []),
    ...(silent > runs.size ? ['an unkeyed call is said to be completed and never ran'] : []),
  ];
}

function streamViolations({ read, turn: { id } }: World, row: TurnRow): string[] {
  const problems: string[] = [];
  const numbers = read.map((event) => event.sequence_number);
  if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0)))
    problems.push('event numbers do not grow');
  const terminal = read.filter(isTerminalEvent);
  if (terminal.length !== 1) problems.push(`${terminal.length} terminal events`);
  if (!isTerminalEvent(read.at(-1) ?? ({ type: 'turnstone:stage.started' } as TurnEvent)))
    problems.push('the stream does not end with its terminal event');
  const reducer = createResponseReducer(toResponseResource(row.turn, []));
  // The terminal event carries the whole answer: what a reader had built before it must be the same.
  for (const event of read.slice(0, -1)) reducer.apply(event);
  const shown = JSON.stringify(reducer.snapshot().output.map(withoutStatus));
  const last = read.at(-1);
  const told = last !== undefined && 'response' in last ? JSON.stringify(last.response.output.map(withoutStatus)) : '';
  const stored = JSON.stringify(
    inOrder(row.items)
      .filter(({ direction }) => direction === 'output')
      .map(({ item }) => withoutStatus(item)),
  );
  if (told !== stored) problems.push(`${id}: the terminal event tells\n  ${told}\nstored is\n  ${stored}`);
  if (row.turn.status === 'completed' && shown !== stored)
    problems.push(`${id}: a reader shows\n  ${shown}\nstored is\n  ${stored}`);
  return problems;
}

/** Closing marks what was in progress; the fake store leaves that to the real one. */
function withoutStatus(item: Item): object {
  return { ...item, status: undefined };
}

function limitViolations(row: TurnRow): string[] {
  const ran = row.calls.filter((call) => call.result !== null && !call.result.includes('limit')).length;
  const steps = row.steps.size;
  return [
    ...(steps > LIMITS.maxSteps + 1 ? [`${steps} steps`] : []),
    ...(ran > LIMITS.maxToolCalls ? [`${ran} calls ran`] : []),
  ];
}
