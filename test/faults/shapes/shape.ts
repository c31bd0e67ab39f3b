/** A shape a turn can take: what is sent, what the model says, and how it may end whatever dies on the way. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TurnEvent } from '../../../domain/event.js';
import type { ResponseResource } from '../../../domain/response-resource.js';
import type { FakeReply } from '../../support/fake-provider-script.js';
import { answer, answerText, callTools } from '../../support/fake-provider-script.js';
import type { CheckedTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import type { Answered, ClientTurn } from '../world/client.js';
import { callUntilAnswered, followTurn, runClientTurn } from '../world/client.js';
import { messageWith } from '../world/turn-plan.js';
import type { PlannedStep } from '../world/turn-plan.js';

export interface ShapeRun {
  readonly apiUrl: () => string;
  /** Letters and digits that are this run's alone. */
  readonly tag: string;
  /** Counts the turns of all shapes, so that no two have one id. */
  readonly nextNumber: () => number;
  readonly timeoutMs: number;
  /** A file somebody may link to in a message. */
  readonly fileUrl: string;
  /** Says that a promise was broken in what is no turn. */
  readonly broken: (inv: Violation['inv'], what: string) => void;
  /** Of the Temporal server that runs now: for what an operator does there. */
  readonly temporalAddress: () => string;
  /** Who sends it; default: the administrator. */
  readonly apiKey?: string;
  readonly dropEveryMs?: number;
  readonly onEvent?: (event: TurnEvent, turnId: string) => void;
}

export interface Shape {
  readonly name: string;
  /** @returns every turn it made. */
  run(run: ShapeRun): Promise<readonly CheckedTurn[]>;
}

export function newPlanId({ tag, nextNumber }: ShapeRun): string {
  return `plan-${tag}-${nextNumber()}`;
}

/** About a third of a second from first to last word: long enough to be cut in the middle. */
export function said(planId: string, delayMs = 20): FakeReply {
  return answerText(`The answer of ${planId}: ${'word '.repeat(12)}`, { chunkSize: 8, delayMs });
}

export interface CallSpec {
  readonly tool: string;
  readonly before?: number;
  readonly after?: number;
  readonly undo?: number;
}

/** @param name tells calls of one turn apart. */
export function calls(planId: string, name: string, specs: readonly CallSpec[]): FakeReply {
  const made = specs.map(({ tool, ...times }, index) => ({
    name: tool,
    arguments: { what: `${planId}/${name}/${index}`, ...times },
  }));
  return answer({ ...callTools(...made) });
}

export interface SentTurn {
  readonly planId: string;
  readonly steps: readonly PlannedStep[];
  /** Over `model`, `input`. */
  readonly body?: Readonly<Record<string, unknown>>;
  readonly text?: string;
  /** More parts of the message. */
  readonly parts?: readonly object[];
  readonly path?: string;
  /** Tells two requests of one plan apart. */
  readonly part?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly onEvent?: (event: TurnEvent, turnId: string) => void;
  readonly expected: (stored: ResponseResource) => string | null;
}

export async function sendTurn(run: ShapeRun, sent: SentTurn): Promise<CheckedTurn> {
  const { planId } = sent;
  const text = messageWith({ id: planId, steps: sent.steps }, sent.text);
  const message =
    sent.parts === undefined
      ? text
      : [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }, ...sent.parts] }];
  const turn = await runClientTurn(
    {
      path: sent.path ?? '/v1/responses',
      body: sent.path === undefined ? { model: 'faulty', input: message, ...sent.body } : { ...sent.body },
      key: `key-of-${planId}-${sent.part ?? sent.path ?? ''}`,
      ...(sent.headers === undefined ? {} : { headers: sent.headers }),
    },
    {
      ...clientOptions(run),
      ...(run.dropEveryMs === undefined ? {} : { dropEveryMs: run.dropEveryMs }),
      onEvent: (event, id) => {
        run.onEvent?.(event, id);
        sent.onEvent?.(event, id);
      },
    },
  );
  return checkedTurn(run, turn, sent);
}

/** A turn that some other request made: read to its end like any other. */
export async function readTurn(
  run: ShapeRun,
  id: string,
  about: Pick<CheckedTurn, 'planId' | 'expected'>,
): Promise<CheckedTurn> {
  return checkedTurn(run, await followTurn(id, clientOptions(run)), about);
}

const clientOptions = (
  run: ShapeRun,
): { readonly apiUrl: () => string; readonly timeoutMs: number; readonly apiKey?: string } => ({
  apiUrl: run.apiUrl,
  timeoutMs: run.timeoutMs,
  ...(run.apiKey === undefined ? {} : { apiKey: run.apiKey }),
});

async function checkedTurn(
  run: ShapeRun,
  turn: ClientTurn,
  { planId, expected }: Pick<CheckedTurn, 'planId' | 'expected'>,
): Promise<CheckedTurn> {
  if (turn.id === null) return { planId, turn, stored: null, expected };
  const { status, json } = await ask(run, 'GET', `/v1/responses/${turn.id}`);
  const stored = status === 200 ? (json as ResponseResource) : null;
  return { planId, turn, stored, expected, ...(run.apiKey === undefined ? {} : { apiKey: run.apiKey }) };
}

/** One call, repeated until the server answers it. */
export function ask(
  run: ShapeRun,
  method: string,
  path: string,
  body?: unknown,
  options: { readonly key?: string; readonly apiKey?: string } = {},
): Promise<Answered> {
  return callUntilAnswered(run.apiUrl, method, path, {
    timeoutMs: run.timeoutMs,
    ...(run.apiKey === undefined ? {} : { apiKey: run.apiKey }),
    ...options,
    ...(body === undefined ? {} : { body }),
  });
}

const LOOK_AGAIN_MS = 250;

/** What `look` finds; broken, and null, when it finds nothing in the time a turn has. */
export async function untilFound<T>(run: ShapeRun, what: string, look: () => Promise<T | null>): Promise<T | null> {
  const deadline = Date.now() + run.timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > deadline) {
      run.broken(10, `${what}: not within ${run.timeoutMs} ms`);
      return null;
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

export const messageText = ({ output }: ResponseResource): string =>
  output
    .flatMap((item) => (item.type === 'message' ? item.content.map((part) => ('text' in part ? part.text : '')) : []))
    .join('');

/** Completed, with the whole answer. */
export function completedWith(planId: string): (stored: ResponseResource) => string | null {
  return (stored) => {
    if (stored.status !== 'completed') return `ended ${stored.status}: ${JSON.stringify(stored.error)}`;
    const text = messageText(stored);
    return text.includes(`The answer of ${planId}: `) && text.trimEnd().endsWith('word')
      ? null
      : `not the whole answer: ${text.slice(0, 200)}`;
  };
}

export function endedAs(...statuses: readonly string[]): (stored: ResponseResource) => string | null {
  return (stored) =>
    statuses.includes(stored.status) ? null : `ended ${stored.status}: ${JSON.stringify(stored.error)}`;
}
