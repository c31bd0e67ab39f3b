/**
 * An engine that plays a turn in this process: it writes the events and commits an activity would. What a turn does is
 * said by the last user text: `wait` holds until released or cancelled, `fail` fails, `limit` ends at a limit, `reason`
 * thinks first, `again <text>` retries its step after the first words, `call` calls the client's first function.
 */
import { beginNext } from '../../activities/begin-next.js';
import { createTurnStarter } from '../../activities/turn-starter.js';
import type { TurnEventDraft } from '../../domain/event.js';
import { isFailure } from '../../domain/failures.js';
import { newId } from '../../domain/ids.js';
import type { FunctionCallItem, OutputItem, OutputMessageItem, ReasoningItem } from '../../domain/item.js';
import { itemText } from '../../domain/item.js';
import type { EventLog } from '../../domain/ports/event-log.js';
import type { StartTurn, TurnEngine } from '../../domain/ports/turn-engine.js';
import type { NextTurn, TurnEnding, TurnStore } from '../../domain/ports/turn-store.js';
import { toResponseResource } from '../../domain/response-resource.js';
import type { Scope } from '../../domain/scope.js';
import type { TurnRecord } from '../../domain/turn.js';
import { isTerminal } from '../../domain/turn.js';
import { silentLogger } from './silent-logger.js';
import { aModelCall, aStepResult } from './turn-builders.js';

export interface ScriptedEngine extends TurnEngine {
  readonly started: StartTurn[];
  /** Ids of approvals whose turns were told of a decision. */
  readonly told: string[];
  /** Lets turns that wait go on. */
  release(): void;
  /** Makes starts fail until null is given. */
  failStarts(error: Error | null): void;
  /** How many starts have failed. */
  refusals(): number;
  /** Resolves when everything that was started has been played. */
  idle(): Promise<void>;
}

interface Stage {
  readonly turns: TurnStore;
  readonly events: EventLog;
  /** A turn that waited begins. */
  readonly onNext: (next: NextTurn) => void;
}

const TERMINAL = {
  completed: 'response.completed',
  failed: 'response.failed',
  incomplete: 'response.incomplete',
  cancelled: 'response.incomplete',
} as const;
const COMPLETED: TurnEnding = { status: 'completed', incompleteReason: null, error: null };

function message(id: string, text: string, status: OutputMessageItem['status']): OutputMessageItem {
  const content =
    status === 'in_progress' ? [] : [{ type: 'output_text' as const, text, annotations: [], logprobs: [] }];
  return { type: 'message', id, role: 'assistant', status, content };
}

function textEvents(item: OutputMessageItem, index: number, pieces: readonly string[]): TurnEventDraft[] {
  const at = { item_id: item.id, output_index: index, content_index: 0 };
  const part = (text: string): Extract<OutputMessageItem['content'][number], { type: 'output_text' }> => ({
    type: 'output_text',
    text,
    annotations: [],
    logprobs: [],
  });
  return [
    { type: 'response.output_item.added', output_index: index, item: message(item.id, '', 'in_progress') },
    { type: 'response.content_part.added', ...at, part: part('') },
    ...pieces.map((delta): TurnEventDraft => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
  ];
}

function endText(item: OutputMessageItem, index: number, text: string): TurnEventDraft[] {
  const at = { item_id: item.id, output_index: index, content_index: 0 };
  return [
    { type: 'response.output_text.done', ...at, text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part: { type: 'output_text', text, annotations: [], logprobs: [] } },
    { type: 'response.output_item.done', output_index: index, item },
  ];
}

function reasoningEvents(item: ReasoningItem, text: string): TurnEventDraft[] {
  const at = { item_id: item.id, output_index: 0, content_index: 0 };
  return [
    { type: 'response.output_item.added', output_index: 0, item: { ...item, status: 'in_progress', content: [] } },
    { type: 'response.content_part.added', ...at, part: { type: 'reasoning_text', text: '' } },
    { type: 'response.reasoning_text.delta', ...at, delta: text },
    { type: 'response.reasoning_text.done', ...at, text },
    { type: 'response.content_part.done', ...at, part: { type: 'reasoning_text', text } },
    { type: 'response.output_item.done', output_index: 0, item },
  ];
}

function callEvents(item: FunctionCallItem): TurnEventDraft[] {
  const at = { item_id: item.id, output_index: 0 };
  return [
    { type: 'response.output_item.added', output_index: 0, item: { ...item, status: 'in_progress', arguments: '' } },
    { type: 'response.function_call_arguments.delta', ...at, delta: item.arguments },
    { type: 'response.function_call_arguments.done', ...at, name: item.name, arguments: item.arguments },
    { type: 'response.output_item.done', output_index: 0, item },
  ];
}

async function end(
  stage: Stage,
  scope: Scope,
  turnId: string,
  items: readonly OutputItem[],
  ending: TurnEnding,
  before: { readonly step: number; readonly items: readonly OutputItem[] } = { step: 0, items: [] },
): Promise<void> {
  const ref = { tenantId: scope.tenantId, turnId };
  const step = before.step + 1;
  const output = [...before.items, ...items];
  const usage = { inputTokens: 11, cachedTokens: 2, outputTokens: 7, reasoningTokens: 0, estimated: false };
  const committed = await stage.turns.commitStep(scope, {
    turnId,
    step,
    attempt: 1,
    items,
    toolCalls: [],
    modelCalls: [aModelCall({ usage })],
    answeredBy: 'fake/model',
    result: aStepResult(),
    ending,
    lastSequence: null,
  });
  if (committed === null) return;
  const { turn, next } = committed;
  if (next !== null) stage.onNext(next);
  if (!isTerminal(turn.status)) {
    await readSteers(stage, scope, turnId, { step, items: output });
    return;
  }
  const response = toResponseResource(turn, output);
  const last = await stage.events.append(ref, { part: 'end', attempt: 1 }, [{ type: TERMINAL[turn.status], response }]);
  await stage.turns.recordLastSequence(scope, turnId, last);
}

/** The next step of a turn that messages kept open: it reads them and answers. */
async function readSteers(
  stage: Stage,
  scope: Scope,
  turnId: string,
  before: { readonly step: number; readonly items: readonly OutputItem[] },
): Promise<void> {
  const step = before.step + 1;
  const index = before.items.length;
  const { steers = [] } = await stage.turns.claimStep(scope, { turnId, step });
  const said = steers.map(({ id, items }): TurnEventDraft => ({
    type: 'turnstone:steer.picked_up',
    steer_id: id,
    step,
    before_output_index: index,
    items,
  }));
  const text = `read: ${steers.flatMap(({ items }) => items.map(itemText)).join(', ')}`;
  const item = message(newId('message'), text, 'completed');
  await stage.events.append({ tenantId: scope.tenantId, turnId }, { part: `step/${step}`, attempt: 1 }, [
    ...said,
    ...textEvents(item, index, [text]),
    ...endText(item, index, text),
  ]);
  await end(stage, scope, turnId, [item], COMPLETED, before);
}

async function lastUserText(stage: Stage, scope: Scope, turnId: string): Promise<string> {
  const context = await stage.turns.loadContext(scope, turnId);
  const own = (context?.path ?? []).filter((stored) => stored.turnId === turnId).map((stored) => itemText(stored.item));
  return own.at(-1) ?? '';
}

async function playCall(
  stage: Stage,
  scope: Scope,
  turn: TurnRecord,
  write: (drafts: TurnEventDraft[]) => Promise<unknown>,
): Promise<void> {
  const name = turn.settings.clientFunctions[0]?.name ?? 'missing';
  const id = newId('functionCall');
  const item: FunctionCallItem = {
    type: 'function_call',
    id,
    call_id: newId('toolCall'),
    name,
    arguments: '{"city":"Oslo"}',
    status: 'completed',
  };
  await write(callEvents(item));
  await end(stage, scope, turn.id, [item], COMPLETED);
}

async function playAnswer(
  stage: Stage,
  scope: Scope,
  turnId: string,
  text: string,
  write: (drafts: TurnEventDraft[]) => Promise<unknown>,
  hold: () => Promise<'released' | 'cancelled'>,
): Promise<void> {
  const thoughts: ReasoningItem[] = text.startsWith('reason')
    ? [
        {
          type: 'reasoning',
          id: newId('reasoning'),
          status: 'completed',
          summary: [],
          content: [{ type: 'reasoning_text', text: 'Hm.' }],
        },
      ]
    : [];
  for (const thought of thoughts) await write(reasoningEvents(thought, 'Hm.'));
  const index = thoughts.length;
  const again = text.startsWith('again ') ? text.slice('again '.length) : null;
  const answer = again ?? `You said: ${text}`;
  const id = newId('message');
  if (again !== null) {
    await write(textEvents(message(newId('message'), '', 'in_progress'), index, ['You said: ']));
    await write([
      { type: 'turnstone:step.reset', step: 1, attempt: 2, output_index: index, reason: 'model.stream-cut' },
    ]);
  }
  const size = Math.max(8, Math.ceil(answer.length / 200));
  const pieces = answer.match(new RegExp(`.{1,${size}}`, 'gs')) ?? [];
  await write(textEvents(message(id, '', 'in_progress'), index, pieces));
  const held = text.startsWith('wait') ? await hold() : 'released';
  const item = message(id, answer, held === 'cancelled' ? 'incomplete' : 'completed');
  if (held === 'cancelled') {
    await end(stage, scope, turnId, [...thoughts, item], { status: 'cancelled', incompleteReason: null, error: null });
    return;
  }
  await write(endText(item, index, answer));
  const ending: TurnEnding = text.startsWith('limit')
    ? { status: 'incomplete', incompleteReason: 'max_steps', error: null }
    : COMPLETED;
  await end(stage, scope, turnId, [...thoughts, item], ending);
}

export function createScriptedEngine(parts: Omit<Stage, 'onNext'>): ScriptedEngine {
  const started: StartTurn[] = [];
  const told: string[] = [];
  const playing = new Set<Promise<void>>();
  const waiting: (() => void)[] = [];
  let startError: Error | null = null;
  let refused = 0;
  const stage: Stage = {
    ...parts,
    onNext: (next) => {
      const starter = createTurnStarter({ engine, logger: silentLogger });
      void beginNext({ events: parts.events, starter, logger: silentLogger, headStart: null }, next);
    },
  };
  const play = async (start: StartTurn): Promise<void> => {
    const { tenantId, turnId } = start.input;
    const scope: Scope = { tenantId, principalId: start.principalId, scopes: ['write'] };
    const ref = { tenantId, turnId };
    const turn = await stage.turns.get(scope, turnId);
    if (turn === null || isTerminal(turn.status)) return;
    const text = await lastUserText(stage, scope, turnId);
    const write = (drafts: TurnEventDraft[]): Promise<number> =>
      stage.events.append(ref, { part: 'step/1', attempt: 1 }, drafts);
    const hold = (): Promise<'released' | 'cancelled'> =>
      new Promise((resolve) => {
        const stop = stage.events.onCancel(ref, () => resolve('cancelled'));
        waiting.push(() => {
          stop();
          resolve('released');
        });
      });
    if (text.startsWith('fail')) {
      await end(stage, scope, turnId, [], {
        status: 'failed',
        incompleteReason: null,
        error: { code: 'model.overloaded', message: 'The provider is overloaded.' },
      });
    } else if (text.startsWith('call')) await playCall(stage, scope, turn, write);
    else await playAnswer(stage, scope, turnId, text, write, hold);
  };

  const engine: ScriptedEngine = {
    started,
    release() {
      for (const go of waiting.splice(0)) go();
    },
    failStarts(error) {
      startError = error;
    },
    refusals: () => refused,
    async idle() {
      while (playing.size > 0) await Promise.all(playing);
    },
    async start(start) {
      if (startError !== null) {
        refused += 1;
        throw startError;
      }
      started.push(start);
      const played = play(start).catch((error: unknown) => {
        // A turn deleted or ended by the test while it plays is no defect of the engine.
        if (!isFailure(error)) throw error;
      });
      playing.add(played);
      void played.finally(() => playing.delete(played));
    },
    tellDecided: async (_turn, ids) => {
      told.push(...ids);
      return true;
    },
    told,
    cancel: async () => true,
    describe: async () => ({ kind: 'absent' }),
    progress: async () => null,
    ping: async () => ({ latencyMs: 1, version: 'scripted' }),
  };
  return engine;
}
