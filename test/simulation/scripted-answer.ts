/** What the model does next, as the schedule decides: an answer, calls, a failure before or in the middle of it. */
import { failure } from '../../domain/failures.js';
import type { ModelChunk } from '../../domain/ports/model.js';
import type { Tape } from './tape.js';

const TOOLS = ['read', 'keyed', 'unkeyed', 'no such tool'];

type NextChunk = () => Promise<ModelChunk>;

export function scriptedAnswer(tape: Tape, signal: AbortSignal): NextChunk[] {
  const say =
    (chunk: ModelChunk): NextChunk =>
    () =>
      signal.aborted ? Promise.reject(failure('turn.cancelled', 'stopped')) : Promise.resolve(chunk);
  const fail = (): Promise<ModelChunk> => Promise.reject(failure('model.stream-cut', 'the provider cut the answer'));
  const text = [say({ type: 'text-delta', text: 'one ' }), say({ type: 'text-delta', text: 'two' })];
  if (tape.rarely(6)) return [...text.slice(0, tape.choose(2)), fail];
  const calls = tape.choose(3);
  if (calls === 0) return [...text, say({ type: 'finish', reason: 'stop' })];
  const chunks = Array.from({ length: calls }, (_each, index): ModelChunk[] => [
    { type: 'tool-call-start', index, callId: `call_${index}`, name: TOOLS[tape.choose(TOOLS.length)] ?? '' },
    { type: 'tool-call-delta', index, arguments: '{}' },
  ]);
  return [...chunks.flat().map(say), say({ type: 'finish', reason: 'tool_calls' })];
}
