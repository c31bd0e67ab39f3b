/** A shape a turn can take: what is sent, what the model says, and how it may end whatever dies on the way. */
import type { TurnEvent } from '../../../domain/event.js';
import type { ResponseResource } from '../../../domain/response-resource.js';
import type { FakeReply } from '../../support/fake-provider-script.js';
import { answer, answerText, callTools } from '../../support/fake-provider-script.js';
import type { CheckedTurn } from '../checker/check-turn.js';
import type { ClientTurn } from '../world/client.js';
import { runClientTurn, storedResponse } from '../world/client.js';
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
  const turn: ClientTurn = await runClientTurn(
    {
      path: sent.path ?? '/v1/responses',
      body: sent.path === undefined ? { model: 'faulty', input: message, ...sent.body } : { ...sent.body },
      key: `key-of-${planId}-${sent.path ?? ''}`,
    },
    {
      apiUrl: run.apiUrl,
      timeoutMs: run.timeoutMs,
      ...(run.dropEveryMs === undefined ? {} : { dropEveryMs: run.dropEveryMs }),
      onEvent: (event, id) => {
        run.onEvent?.(event, id);
        sent.onEvent?.(event, id);
      },
    },
  );
  const stored = turn.id === null ? null : await storedResponse(run.apiUrl, turn.id);
  return { planId, turn, stored, expected: sent.expected };
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
