/**
 * The official Python client against the started product: each scenario is a process of its own (python-client/scenario.py)
 * that says what it saw. Skipped, and said so, where TEST_OPENAI_PYTHON names no interpreter with the package.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { TurnEvent } from '../../domain/event.js';
import { expectOrderly } from '../support/event-order.js';
import { answer, answerText, callTools } from '../support/fake-provider-script.js';
import { REPOSITORY } from '../support/product-process.js';
import { toldConversation, toldInstructions } from '../support/provider-view.js';
import { TEST_KEY, answerOf, sharedProduct } from '../support/started-product.js';
import { verifies } from './requirements.js';

const PYTHON = process.env['TEST_OPENAI_PYTHON'] ?? '';
const SCENARIO = join(REPOSITORY, 'test', 'e2e', 'python-client', 'scenario.py');
const execute = promisify(execFile);

describe.skipIf(PYTHON === '')('openai (Python)', () => {
  const product = sharedProduct();
  const lastRequest = () => product().provider.requests.at(-1);

  async function run(scenario: string): Promise<Record<string, unknown>> {
    const args = [SCENARIO, `${product().apiUrl}/v1`, TEST_KEY, scenario];
    const { stdout } = await execute(PYTHON, args, { timeout: 60_000, maxBuffer: 16 * 1024 * 1024 });
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  it(verifies('responses.python'), async () => {
    product().provider.queue(answerText('It is this.', { usage: { input: 10, output: 4 } }));
    expect(await run('plain')).toMatchObject({
      text: 'It is this.',
      same: true,
      metadata: { lang: 'py' },
      usage: { input_tokens: 10, output_tokens: 4, total_tokens: 14 },
      items: ['What is it?'],
      deleted: true,
      gone: 'response.not-found',
    });
    expect(toldInstructions(lastRequest())).toContain('Be brief.');
  });

  it('stream: -> every event in order, the rest after a number, the helper’s final response', async () => {
    const text = Array.from({ length: 50 }, (_, index) => `мысль${index}`).join(' ');
    product().provider.queue(
      answer({ reasoning: 'Hm.', text, chunkSize: 9, delayMs: 3 }),
      answerText('put together by the helper'),
    );
    const seen = await run('stream');
    const events = seen['events'] as TurnEvent[];
    const final = expectOrderly(events);
    expect(answerOf(final)).toBe(text);
    expect(final).toEqual(await product().response(final.id));
    expect(seen['rest']).toEqual(events.slice(4).map((event) => event.sequence_number));
    expect(seen['helper']).toBe('put together by the helper');
  });

  it('background: -> read from elsewhere and cancelled', async () => {
    const text = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ');
    product().provider.queue(answerText(text, { chunkSize: 8, delayMs: 100 }));
    expect(await run('background')).toEqual({ background: true, last: 'response.incomplete', status: 'cancelled' });
  });

  it('functions and structured output: -> calls, results and parsed answers', async () => {
    const { provider } = product();
    provider.queue(callTools({ name: 'weather', arguments: { city: 'Kraków' } }), answerText('Rain in Kraków.'));
    expect(await run('functions')).toEqual({ arguments: { city: 'Kraków' }, text: 'Rain in Kraków.' });
    provider.queue(answerText('{"place": 10, "prime": 29}'));
    expect(await run('structured')).toEqual({ parsed: { place: 10, prime: 29 } });
    expect(lastRequest()?.body['response_format']).toMatchObject({ json_schema: { name: 'Prime', strict: true } });
  });

  it('conversations: -> made with items, continued, changed, listed, deleted', async () => {
    product().provider.queue(answerText('You are Ada.'));
    expect(await run('conversations')).toEqual({
      metadata: { topic: 'people' },
      items: ['I am Ada.', 'Who am I?', 'You are Ada.'],
      deleted: true,
    });
    expect(toldConversation(lastRequest())).toEqual(['user: I am Ada.', 'user: Who am I?']);
  });

  it('chat completions and models: -> plain, streamed, with usage', async () => {
    product().provider.queue(answerText('gęślą'), answerText('jaźń', { usage: { input: 5, output: 2 } }));
    const seen = await run('chat');
    expect(seen).toMatchObject({ text: 'gęślą', finish: 'stop', streamed: 'jaźń', usage: 7 });
    expect(seen['models']).toEqual(expect.arrayContaining(['general', 'fake/model']));
  });

  it('what goes wrong: -> the exception of its kind, with code and param', async () => {
    expect(await run('errors')).toEqual({
      model: ['NotFoundError', 'model.not-found', 'model'],
      field: ['BadRequestError', 'request.invalid', 'temperature'],
      key: ['AuthenticationError', 'auth.invalid', null],
    });
  });

  it('ten streams at once from one process: -> each gets its own answer', async () => {
    const { texts } = await run('together');
    expect(texts).toEqual(Array.from({ length: 10 }, (_, number) => `You said: number ${number}`));
  });
});
