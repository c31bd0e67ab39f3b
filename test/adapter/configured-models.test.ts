/** A configured provider without `models` is not passed over: its models are known by its host, or its server is asked. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { withListedModels } from '../../adapters/openai/configured-models.js';
import { providerSchema } from '../../domain/provider.js';
import { startFakeProvider } from '../support/fake-provider.js';
import { createRecordingLogger } from '../support/recording-logger.js';

describe('configured models', () => {
  it('none named: -> those the server lists; named ones stay as they are', async () => {
    const server = await startFakeProvider({ models: ['first', 'text-embedding-3', 'second'] });
    onTestFinished(() => server.close());
    const { logger } = createRecordingLogger();
    const bare = providerSchema.parse({ name: 'bare', base_url: `${server.baseUrl}/`, api_key: 'k' });
    const named = providerSchema.parse({ name: 'named', base_url: server.baseUrl, models: [{ name: 'own' }] });
    const [asked, kept] = await withListedModels([bare, named], { logger });
    expect(asked?.models.map((model) => model.name)).toEqual(['first', 'second']);
    expect(kept).toEqual(named);
  });

  it('a host that is known: -> its known models, and nothing is asked', async () => {
    const { logger } = createRecordingLogger();
    const provider = providerSchema.parse({ name: 'openai', base_url: 'https://api.openai.com/v1', api_key: 'k' });
    const refuse = (): never => {
      throw new Error('nothing may be asked');
    };
    const [known] = await withListedModels([provider], { logger, fetch: refuse });
    expect(known?.models[0]?.name).toBe('gpt-4.1');
  });

  it('a server that does not answer: -> none, and a warning that says what to do', async () => {
    const server = await startFakeProvider();
    await server.close();
    const { logger, lines } = createRecordingLogger();
    const provider = providerSchema.parse({ name: 'gone', base_url: server.baseUrl });
    expect(await withListedModels([provider], { logger, timeoutMs: 500 })).toEqual([provider]);
    expect(lines.map((line) => line.message).join()).toContain('name its models under `models`');
  });
});
