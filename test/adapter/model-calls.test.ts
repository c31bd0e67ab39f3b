/**
 * Proves what surrounds one model call, on both wires: timers, cancellation that reaches the provider's socket at once,
 * bounds on memory, and the circuit breaker with all that counts for it and all that does not.
 */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFailure } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';
import type { ModelChunk } from '../../domain/ports/model.js';
import { createModelRegistry } from '../../adapters/openai/model-registry.js';
import { ask, modelRequest, openModel, providerSettings, readAnswer } from '../support/fake-provider-models.js';
import { answer, answerText, errorReply, hang, rawEvents } from '../support/fake-provider-script.js';
import type { FakeReply } from '../support/fake-provider-script.js';
import { startFakeProvider } from '../support/fake-provider.js';
import type { FakeProvider, FakeRequest } from '../support/fake-provider.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { until } from '../support/until.js';

let provider: FakeProvider;
beforeEach(async () => {
  provider = await startFakeProvider();
});
afterEach(() => provider.close());

function codeOf(error: unknown): string {
  return isFailure(error) ? error.code : `not a failure: ${String(error)}`;
}

/** How much later than a bare request, given up by the same signal, a model's socket may close. */
const SOCKET_CLOSE_MS = 200;

/** The measure for a prompt close, as slow as the machine is: a request of nothing but `fetch`, which is never answered. */
async function openBareRequest(signal: AbortSignal): Promise<Pick<FakeRequest, 'closed'>> {
  provider.queue(hang());
  const asked = provider.requests.length + 1;
  fetch(`${provider.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'fake-model', messages: [], stream: true }),
    signal,
  }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return { closed: (await provider.waitForRequest(asked)).closed };
}

async function expectClosedWith(
  request: Pick<FakeRequest, 'closed'>,
  bare: Pick<FakeRequest, 'closed'>,
): Promise<void> {
  const { by, atMs } = await request.closed;
  expect(by).toBe('client');
  expect(atMs - (await bare.closed).atMs).toBeLessThan(SOCKET_CLOSE_MS);
}

describe.each(['chat', 'responses'] as const)('timers and cancellation on the %s wire', (wire) => {
  it('nothing arrives -> model.timeout after the first-byte time, and the socket is closed', async () => {
    provider.queue(hang());
    const { error } = await ask(openModel(provider, { wire, first_byte_timeout_ms: 600 }));
    expect(codeOf(error)).toBe('model.timeout');
    expect(String(error)).toContain('nothing arrived within 0.6 s');
    expect((await provider.requests.at(-1)!.closed).by).toBe('client');
  });

  it('headers and then nothing -> still the first-byte time', async () => {
    provider.queue(rawEvents([], 'stall'));
    expect(codeOf((await ask(openModel(provider, { wire, first_byte_timeout_ms: 600 }))).error)).toBe('model.timeout');
  });

  it('an answer that stands still -> model.timeout after the idle time, text kept, socket closed', async () => {
    provider.queue(answerText('a longer text in pieces', { chunkSize: 4, stall: 'mid-text' }));
    const result = await ask(openModel(provider, { wire, idle_timeout_ms: 600 }));
    expect(codeOf(result.error)).toBe('model.timeout');
    expect(result.text.length).toBeGreaterThan(0);
    expect((await provider.requests.at(-1)!.closed).by).toBe('client');
  });

  it('a slow but steady answer longer than the idle time -> no timeout', async () => {
    provider.queue(answerText('0123456789'.repeat(6), { chunkSize: 1, delayMs: 30 }));
    expect(await ask(openModel(provider, { wire, idle_timeout_ms: 1500 }))).toMatchObject({
      finish: 'stop',
      error: null,
    });
  });

  it('cancelled before the first byte -> turn.cancelled, the provider sees the socket close at once', async () => {
    const controller = new AbortController();
    const bare = await openBareRequest(controller.signal);
    provider.queue(hang());
    const asked = provider.requests.length + 1;
    const reading = readAnswer(openModel(provider, { wire }).stream(modelRequest(), controller.signal));
    const request = await provider.waitForRequest(asked);
    controller.abort();
    await expectClosedWith(request, bare);
    expect(codeOf((await reading).error)).toBe('turn.cancelled');
  });

  it('cancelled in the middle -> turn.cancelled, partial text was given, the socket closes at once', async () => {
    const controller = new AbortController();
    const bare = await openBareRequest(controller.signal);
    provider.queue(answerText('x'.repeat(4000), { chunkSize: 1, delayMs: 5 }));
    const chunks: ModelChunk[] = [];
    const error = await (async () => {
      for await (const chunk of openModel(provider, { wire }).stream(modelRequest(), controller.signal)) {
        chunks.push(chunk);
        if (chunks.length === 3) controller.abort();
      }
    })().catch((thrown: unknown) => thrown);
    expect(codeOf(error)).toBe('turn.cancelled');
    await expectClosedWith(provider.requests.at(-1)!, bare);
  });

  it('cancelled before it began -> turn.cancelled without a request', async () => {
    const before = provider.requests.length;
    const { error } = await readAnswer(openModel(provider, { wire }).stream(modelRequest(), AbortSignal.abort()));
    expect(codeOf(error)).toBe('turn.cancelled');
    expect(provider.requests.length).toBe(before);
  });

  it('the reader leaves early -> the socket is closed', async () => {
    provider.queue(answerText('x'.repeat(4000), { chunkSize: 1, delayMs: 5 }));
    for await (const chunk of openModel(provider, { wire }).stream(modelRequest(), new AbortController().signal)) {
      if (chunk.type === 'text-delta') break;
    }
    expect((await provider.requests.at(-1)!.closed).by).toBe('client');
  });
});

describe('bounds', () => {
  it('one line of 50 MB -> invalid-reply long before, the socket closed, memory flat', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    provider.queue({ kind: 'raw', parts: [megabyte], repeat: 50 });
    const before = process.memoryUsage().rss;
    const { error } = await ask(openModel(provider));
    expect(codeOf(error)).toBe('model.invalid-reply');
    expect((await provider.requests.at(-1)!.closed).by).toBe('client');
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  it('an answer without end -> invalid-reply at the bound', async () => {
    const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'x'.repeat(1024 * 1024) } }] })}\n\n`;
    provider.queue({ kind: 'raw', parts: [event], repeat: 40 });
    const controller = new AbortController();
    let chars = 0;
    const error = await (async () => {
      for await (const chunk of openModel(provider).stream(modelRequest(), controller.signal))
        if ('text' in chunk) chars += chunk.text.length;
    })().catch((thrown: unknown) => thrown);
    expect(codeOf(error)).toBe('model.invalid-reply');
    expect(String(error)).toContain('longer than');
    expect(chars).toBeLessThan(40 * 1024 * 1024);
  });

  it('an error page of 20 MB -> classified by its status, the page not read to its end', async () => {
    provider.queue({ kind: 'error', status: 500, body: 'x'.repeat(20 * 1024 * 1024) });
    const { error } = await ask(openModel(provider));
    expect(codeOf(error)).toBe('model.unavailable');
    expect(String(error).length).toBeLessThan(1000);
  });
});

describe('connections that fail', () => {
  it('nobody listens -> model.unreachable, without the address', async () => {
    const closed = await startFakeProvider();
    await closed.close();
    const { error } = await ask(openModel(closed));
    expect(codeOf(error)).toBe('model.unreachable');
    expect(String(error)).toContain('ECONNREFUSED');
    expect(String(error)).not.toContain(String(closed.port));
  });

  it('a name that does not exist -> model.unreachable', async () => {
    const { error } = await ask(openModel({ baseUrl: 'http://no-such-host.invalid/v1' }));
    expect(codeOf(error)).toBe('model.unreachable');
  });

  it('a server that hangs up, or speaks no HTTP, or no TLS -> unreachable or invalid-reply', async () => {
    for (const [first, scheme, expected] of [
      ['', 'http', 'model.unreachable'],
      ['220 mail ready\r\n', 'http', 'model.invalid-reply'],
      ['220 mail ready\r\n', 'https', 'model.unreachable'],
    ] as const) {
      const server = createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.once('data', () => socket.end(first));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const { error } = await ask(openModel({ baseUrl: `${scheme}://127.0.0.1:${port}/v1` }));
      expect([scheme, codeOf(error)]).toEqual([scheme, expected]);
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe('circuit breaker', () => {
  interface Guarded {
    call(reply: FakeReply, signal?: AbortSignal): Promise<Failure | null>;
    circuit(): string | undefined;
    asked(): number;
  }

  function open(failures: number, openMs = 60_000): Guarded {
    const breaker = { breaker_failures: failures, breaker_open_ms: openMs };
    const providers = [providerSettings(provider, { ...breaker, idle_timeout_ms: 500, first_byte_timeout_ms: 5000 })];
    const { logger } = createRecordingLogger();
    const registry = createModelRegistry({ providers, fallbacks: [], extraModels: [], logger });
    const model = registry.get('fake/fake-model')!;
    return {
      async call(reply, signal = new AbortController().signal) {
        provider.respond(() => reply);
        return (await readAnswer(model.stream(modelRequest(), signal))).error as Failure | null;
      },
      circuit: () => registry.health()[0]?.circuit,
      asked: () => provider.requests.length,
    };
  }

  it('failures of the provider in a row, of any kind -> open: no more requests, circuit-open at once', async () => {
    const breaker = open(5);
    const faults: readonly FakeReply[] = [
      errorReply(500, 'x'),
      errorReply(429, 'x'),
      answerText('cut in the middle', { chunkSize: 2, cut: 'mid-text' }),
      answerText('stands still', { chunkSize: 2, stall: 'mid-text' }),
      rawEvents(['garbage']),
    ];
    for (const fault of faults) {
      expect(breaker.circuit()).toBe('closed');
      await breaker.call(fault);
    }
    expect(breaker.circuit()).toBe('open');
    const asked = breaker.asked();
    const refused = await breaker.call(answerText('fine again'));
    expect(refused?.code).toBe('model.circuit-open');
    expect(refused?.message).toContain('fake/fake-model');
    expect(refused?.retryAfterMs).toBeGreaterThan(50_000);
    expect(breaker.asked()).toBe(asked);
  });

  it('a success in between -> counting begins again', async () => {
    const breaker = open(2);
    await breaker.call(errorReply(500, 'x'));
    expect(await breaker.call(answerText('fine'))).toBeNull();
    await breaker.call(errorReply(500, 'x'));
    expect(breaker.circuit()).toBe('closed');
  });

  it("failures that are not the provider's fault -> never counted", async () => {
    const breaker = open(1);
    for (const status of [400, 401, 402, 404, 413]) await breaker.call(errorReply(status, 'x'));
    await breaker.call(errorReply(400, 'prompt is too long: 9 tokens > 8 maximum'));
    expect(breaker.circuit()).toBe('closed');
  });

  it('after its time -> one probe; its success closes, its failure opens again', async () => {
    const breaker = open(1, 100);
    await breaker.call(errorReply(500, 'x'));
    expect(breaker.circuit()).toBe('open');
    expect((await probe(breaker, errorReply(503, 'x')))?.code).toBe('model.overloaded');
    expect(breaker.circuit()).toBe('open');
    expect(await probe(breaker, answerText('fine'))).toBeNull();
    expect(breaker.circuit()).toBe('closed');
  });

  /** Calls until the circuit lets one in; that one is the probe. */
  async function probe(breaker: Guarded, reply: FakeReply, signal?: AbortSignal): Promise<Failure | null> {
    const { failed } = await until(async () => {
      const error = await breaker.call(reply, signal);
      return error?.code === 'model.circuit-open' ? undefined : { failed: error };
    }, 'the circuit lets a probe in');
    return failed;
  }

  it('half open: while the probe waits -> others are turned away at once; its first content closes the circuit', async () => {
    const breaker = open(1, 100);
    await breaker.call(errorReply(500, 'x'));
    let over = false;
    const slow = answer({ text: 'a slow probe', chunkSize: 1, firstByteDelayMs: 150, delayMs: 20 });
    const probing = probe(breaker, slow).finally(() => (over = true));
    await provider.waitForRequest(2);
    expect(breaker.circuit()).toBe('half-open');
    expect((await breaker.call(answerText('x')))?.code).toBe('model.circuit-open');
    await until(() => breaker.circuit() === 'closed', 'the circuit closes');
    expect(over).toBe(false);
    expect(await probing).toBeNull();
  });

  it('a probe that breaks after its first content -> counted: the circuit opens again', async () => {
    const breaker = open(1, 100);
    await breaker.call(errorReply(500, 'x'));
    const failed = await probe(breaker, answer({ text: 'a longer text', chunkSize: 2, delayMs: 5, cut: 'mid-text' }));
    expect(failed?.code).toBe('model.stream-cut');
    expect(breaker.circuit()).toBe('open');
  });

  it('a probe that is cancelled -> nobody is locked out', async () => {
    const breaker = open(1, 100);
    await breaker.call(errorReply(500, 'x'));
    const controller = new AbortController();
    const probing = probe(breaker, hang(), controller.signal);
    await provider.waitForRequest(2);
    controller.abort();
    expect((await probing)?.code).toBe('turn.cancelled');
    expect(await breaker.call(answerText('fine'))).toBeNull();
  });
});
