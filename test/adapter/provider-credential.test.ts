/** Proven: a caller's key takes the place of the operator's, goes to its origin only, and its failures rest no provider. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createOpenAiProvider } from '../../adapters/openai/openai-provider.js';
import type { OpenAiProvider } from '../../adapters/openai/openai-provider.js';
import { isFailure } from '../../domain/failures.js';
import type { ModelChunk, ProviderCredential } from '../../domain/ports/model.js';
import { providerSchema } from '../../domain/provider.js';
import { startFakeProvider } from '../support/fake-provider.js';
import type { FakeProvider } from '../support/fake-provider.js';
import { errorReply } from '../support/fake-provider-script.js';
import { modelRequest } from '../support/fake-provider-models.js';
import { silentLogger } from '../support/silent-logger.js';

const KEY = 'sk-of-the-caller-1234567890';
let provider: FakeProvider;
beforeEach(async () => {
  provider = await startFakeProvider();
});
afterEach(() => provider.close());

function openProvider(change: object = {}): OpenAiProvider {
  const settings = {
    name: 'fake',
    base_url: provider.baseUrl,
    api_key: 'operators-key',
    headers: { 'X-Team': 'blue', Authorization: 'Bearer operators-own', 'api-key': 'operators-other' },
    breaker_failures: 2,
    ...change,
  };
  return createOpenAiProvider(providerSchema.parse(settings), silentLogger);
}

async function call(opened: OpenAiProvider, credential?: ProviderCredential): Promise<string> {
  const chunks: ModelChunk[] = [];
  try {
    const stream = opened.model('m')?.stream(modelRequest(), AbortSignal.timeout(20_000), credential) ?? [];
    for await (const chunk of stream) chunks.push(chunk);
    return 'answered';
  } catch (error) {
    if (!isFailure(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

it.each(['openai', 'azure', 'dial'] as const)(
  '%s: a credential -> its key alone, the operator’s other headers stay',
  async (dialect) => {
    const opened = openProvider({ dialect, base_url: dialect === 'openai' ? provider.baseUrl : provider.url });
    expect(await call(opened, { origin: provider.url, apiKey: KEY })).toBe('answered');
    const headers = provider.requests[0]?.headers ?? {};
    expect(JSON.stringify(headers)).toContain(KEY);
    expect(JSON.stringify(headers)).not.toContain('operators-');
    expect(headers['x-team']).toBe('blue');
  },
);

it('a credential for another origin -> credential.missing, nothing is sent', async () => {
  const outcome = await call(openProvider(), { origin: 'https://fake.example', apiKey: KEY });
  expect(outcome).toMatch(/^credential\.missing: /);
  expect(outcome).not.toContain(KEY);
  expect(provider.requests).toEqual([]);
});

it('failures with a caller’s key -> do not open the circuit for the others', async () => {
  const opened = openProvider();
  provider.respond(({ headers }) => errorReply(JSON.stringify(headers).includes(KEY) ? 500 : 503, `no: ${KEY}`));
  for (let count = 0; count < 5; count += 1)
    expect(await call(opened, { origin: provider.url, apiKey: KEY })).not.toContain(KEY);
  expect(opened.circuit()).toBe('closed');
});
