/**
 * The scripted demo: what answers when no model provider is found. It is not a language model and says so; it drives the
 * real tools, so that streaming, tools and durability can be seen without a key. Everything it does is deterministic.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '../../domain/failures.js';
import type { LanguageModel, ModelChunk, ModelRequest } from '../../domain/ports/model.js';
import type { TokenUsage } from '../../domain/pricing.js';
import { WHO, nextStep } from './demo-step.js';

export const DEMO_MODEL_NAME = 'demo/scripted';

export interface DemoModelOptions {
  /** Between deltas. Default 20 ms: fast to read along, slow enough to see it stream. */
  readonly deltaMs?: number;
  /** Between numbers of "count to N". Default 250 ms: time to stop it, to reconnect, to kill the server. */
  readonly countMs?: number;
}

const CONTEXT_WINDOW = 128_000;
const CHARS_PER_TOKEN = 4;
const MAX_DELTAS = 150;

/** @returns the model `demo/scripted`; `ModelInfo.demo` is true. It costs nothing and needs nothing. */
export function createDemoModel(options: DemoModelOptions = {}): LanguageModel {
  const { deltaMs = 20, countMs = 250 } = options;
  return {
    name: DEMO_MODEL_NAME,
    provider: 'demo',
    contextWindow: CONTEXT_WINDOW,
    prices: { inputPerMillionMicros: 0, cachedInputPerMillionMicros: 0, outputPerMillionMicros: 0 },
    demo: true,
    stream: (request, signal) => perform(request, signal, { deltaMs, countMs }),
  };
}

interface Pace {
  readonly deltaMs: number;
  readonly countMs: number;
}

async function* perform(request: ModelRequest, signal: AbortSignal, pace: Pace): AsyncGenerator<ModelChunk> {
  const said = { chars: 0, reasoningChars: 0, cut: false };
  for (const beat of scene(request, pace)) {
    await pause(beat.afterMs, signal);
    const { chunk } = beat;
    if ('text' in chunk) said.chars += chunk.text.length;
    if (chunk.type === 'reasoning-delta') said.reasoningChars += chunk.text.length;
    if (chunk.type === 'tool-call-delta') said.chars += chunk.arguments.length;
    said.cut = request.maxOutputTokens !== null && tokensOf(said.chars) > request.maxOutputTokens;
    if (said.cut) break;
    yield chunk;
    if (chunk.type === 'tool-call-start') said.chars += chunk.name.length;
  }
  yield { type: 'usage', usage: usageOf(request, said) };
  const calls = nextStep(request).kind === 'calls';
  yield { type: 'finish', reason: said.cut ? 'length' : calls ? 'tool_calls' : 'stop' };
}

interface Beat {
  readonly chunk: ModelChunk;
  readonly afterMs: number;
}

function* scene(request: ModelRequest, pace: Pace): Generator<Beat> {
  const step = nextStep(request);
  if (step.kind === 'calls') {
    const names = step.calls.map((call) => call.name).join(', ');
    yield* words(`The message asks for tools, so the script calls: ${names}.`, 'reasoning-delta', pace);
    for (const [index, call] of step.calls.entries()) {
      yield {
        chunk: { type: 'tool-call-start', index, callId: `call_demo_${step.place}_${index}`, name: call.name },
        afterMs: pace.deltaMs,
      };
      yield { chunk: { type: 'tool-call-delta', index, arguments: call.arguments }, afterMs: pace.deltaMs };
    }
  } else if (step.kind === 'count') {
    yield* words('The message asks to count; the script does it slowly.', 'reasoning-delta', pace);
    yield* words(`${WHO} Counting to ${step.to}:`, 'text-delta', pace);
    for (let number = 1; number <= step.to; number += 1) {
      yield { chunk: { type: 'text-delta', text: number === 1 ? '\n\n1' : `, ${number}` }, afterMs: pace.countMs };
    }
    yield { chunk: { type: 'text-delta', text: '. Done.' }, afterMs: pace.deltaMs };
  } else {
    if (step.thought !== '') yield* words(step.thought, 'reasoning-delta', pace);
    yield* words(step.text, 'text-delta', pace);
  }
}

/** A text in words; long ones (reports of results) in groups of words, so that no answer takes more than a few seconds. */
function* words(text: string, type: 'text-delta' | 'reasoning-delta', pace: Pace): Generator<Beat> {
  const single = text.split(/(?<=\s)(?=\S)/);
  const perDelta = Math.ceil(single.length / MAX_DELTAS);
  for (let from = 0; from < single.length; from += perDelta) {
    yield { chunk: { type, text: single.slice(from, from + perDelta).join('') }, afterMs: pace.deltaMs };
  }
}

function tokensOf(chars: number): number {
  return Math.ceil(chars / CHARS_PER_TOKEN);
}

function usageOf(request: ModelRequest, said: { readonly chars: number; readonly reasoningChars: number }): TokenUsage {
  return {
    inputTokens: tokensOf(JSON.stringify(request.messages).length),
    cachedTokens: 0,
    outputTokens: tokensOf(said.chars),
    reasoningTokens: tokensOf(said.reasoningChars),
    estimated: true,
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const cancelled = (): Error => failure('turn.cancelled', 'The turn was cancelled while the demo was answering.');
  if (signal.aborted) throw cancelled();
  if (ms <= 0) return;
  await sleep(ms, undefined, { signal }).catch(() => {
    // The only way a timer rejects.
    throw cancelled();
  });
}
