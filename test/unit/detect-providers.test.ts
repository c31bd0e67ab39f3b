/**
 * Proves what is found where: keys in the environment, servers that answer on this machine, and that nothing is found by
 * mistake (empty variables, silent ports, pages that are no model list); that each says why it is there; that a key is only
 * ever sent to the server it belongs to.
 */
import { describe, expect, it } from 'vitest';
import { detectProviders } from '../../adapters/openai/detect-providers.js';
import { isFailure } from '../../domain/failures.js';
import { createRecordingLogger } from '../support/recording-logger.js';

interface Asked {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A network in which only these URLs answer; everything asked is kept. */
function network(answers: Readonly<Record<string, unknown>> = {}): { fetch: typeof fetch; asked: Asked[] } {
  const asked: Asked[] = [];
  const fetchFake: typeof fetch = async (input, init) => {
    const url = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url;
    asked.push({ url, headers: Object.fromEntries(new Headers(init?.headers).entries()) });
    const answer = answers[url];
    if (answer === undefined) throw new TypeError('fetch failed');
    return typeof answer === 'string' ? new Response(answer) : Response.json(answer);
  };
  return { fetch: fetchFake, asked };
}

const OLLAMA = 'http://127.0.0.1:11434/v1/models';

describe('detectProviders', () => {
  it('nothing set, nothing answers -> nothing, after asking the three local servers', async () => {
    const net = network();
    expect(await detectProviders({}, net)).toEqual([]);
    expect(net.asked.map(({ url }) => url)).toEqual([
      OLLAMA,
      'http://127.0.0.1:1234/v1/models',
      'http://127.0.0.1:8081/v1/models',
    ]);
  });

  it('variables that are empty -> not set', async () => {
    expect(await detectProviders({ OPENAI_API_KEY: '', HF_TOKEN: '  ', DIAL_URL: '' }, network())).toEqual([]);
  });

  it('every key at once -> providers in order of preference, each with models and a reason', async () => {
    const env = {
      HF_TOKEN: 'hf',
      GEMINI_API_KEY: 'g',
      ANTHROPIC_API_KEY: 'a',
      AZURE_OPENAI_API_KEY: 'z',
      AZURE_OPENAI_ENDPOINT: 'https://x.openai.azure.com',
      AZURE_OPENAI_DEPLOYMENT: 'gpt-4o',
      AZURE_OPENAI_API_VERSION: '2025-01-01-preview',
      OPENAI_API_KEY: 'o',
    };
    const providers = await detectProviders(env, network());
    expect(providers.map(({ name }) => name)).toEqual(['openai', 'azure', 'anthropic', 'gemini', 'huggingface']);
    for (const provider of providers) {
      expect(provider.models.length).toBeGreaterThan(0);
      expect(provider.found).toMatch(/set/);
    }
    expect(providers[1]).toMatchObject({
      dialect: 'azure',
      api_version: '2025-01-01-preview',
      models: [{ name: 'gpt-4o', context_window: 128_000 }],
    });
    expect(providers[2]?.base_url).toBe('https://api.anthropic.com/v1/');
  });

  it('OpenAI itself -> no request is made; list prices are known; OPENAI_MODEL comes first', async () => {
    const net = network();
    const [openai] = await detectProviders(
      { OPENAI_API_KEY: 'o', OPENAI_MODEL: 'gpt-4o-mini' },
      { ...net, probeLocal: false },
    );
    expect(net.asked).toEqual([]);
    expect(openai?.models[0]).toEqual({
      name: 'gpt-4o-mini',
      context_window: 128_000,
      prices: {
        input_per_million_micros: 150_000,
        cached_input_per_million_micros: 75_000,
        output_per_million_micros: 600_000,
      },
    });
    expect(openai?.models.filter((model) => model.name === 'gpt-4o-mini')).toHaveLength(1);
  });

  it('OPENAI_BASE_URL -> that server is asked for its models with the key; embeddings are left out', async () => {
    const net = network({
      'http://gpu:8000/v1/models': { data: [{ id: 'bge-m3' }, { id: 'qwen', max_model_len: 32_768 }] },
    });
    const [openai] = await detectProviders(
      { OPENAI_API_KEY: 'o', OPENAI_BASE_URL: 'http://gpu:8000/v1/' },
      { ...net, probeLocal: false },
    );
    expect(openai).toMatchObject({ name: 'openai', models: [{ name: 'qwen', context_window: 32_768 }] });
    expect(net.asked[0]?.headers['authorization']).toBe('Bearer o');
  });

  it('OPENAI_BASE_URL without a list -> still there, and the reason says what to set', async () => {
    const [openai] = await detectProviders(
      { OPENAI_API_KEY: 'o', OPENAI_BASE_URL: 'http://gpu:8000/v1' },
      { ...network(), probeLocal: false },
    );
    expect(openai?.models).toEqual([]);
    expect(openai?.found).toContain('OPENAI_MODEL');
  });

  it('DIAL -> asked with its own header, models as listed; without a key no header', async () => {
    const net = network({ 'https://dial.corp/openai/models': { data: [{ id: 'gpt-4' }, { id: 'claude' }] } });
    const [dial] = await detectProviders(
      { DIAL_URL: 'https://dial.corp/', DIAL_API_KEY: 'd' },
      { ...net, probeLocal: false },
    );
    expect(dial).toMatchObject({
      name: 'dial',
      dialect: 'dial',
      api_key: 'd',
      models: [{ name: 'gpt-4' }, { name: 'claude' }],
    });
    expect(net.asked[0]?.headers).toMatchObject({ 'api-key': 'd' });
    await detectProviders({ DIAL_URL: 'https://dial.corp' }, { ...net, probeLocal: false });
    expect(net.asked[1]?.headers).not.toHaveProperty('api-key');
  });

  it('a URL that is none -> config.invalid that names the variable and not its value', async () => {
    const error = await detectProviders({ OPENAI_API_KEY: 'o', OPENAI_BASE_URL: 'gpu:8000' }, network()).catch(
      (thrown: unknown) => thrown,
    );
    expect(isFailure(error) && error.code).toBe('config.invalid');
    expect(String(error)).toContain('OPENAI_BASE_URL');
    expect(String(error)).not.toContain('gpu:8000');
  });

  it('Ollama answers -> its models, free of charge, with its context length; no key goes there', async () => {
    const net = network({ [OLLAMA]: { object: 'list', data: [{ id: 'llama3.2:3b' }, { id: 'nomic-embed-text' }] } });
    const { logger, lines } = createRecordingLogger();
    const [ollama] = await detectProviders({ OLLAMA_CONTEXT_LENGTH: '16384' }, { ...net, logger });
    expect(ollama).toMatchObject({
      name: 'ollama',
      base_url: 'http://127.0.0.1:11434/v1',
      found: 'Ollama answers at 127.0.0.1:11434 (1 model)',
    });
    expect(ollama?.models).toEqual([
      {
        name: 'llama3.2:3b',
        context_window: 16_384,
        prices: { input_per_million_micros: 0, output_per_million_micros: 0 },
      },
    ]);
    expect(ollama?.api_key).toBeUndefined();
    for (const { headers } of net.asked) expect(headers).not.toHaveProperty('authorization');
    expect(lines.map(({ message }) => message)).toEqual([
      'found provider ollama: Ollama answers at 127.0.0.1:11434 (1 model)',
    ]);
  });

  const HOSTS: readonly (readonly [string, string])[] = [
    ['0.0.0.0', 'http://127.0.0.1:11434/v1/models'],
    ['0.0.0.0:9999', 'http://127.0.0.1:9999/v1/models'],
    [':9999', 'http://127.0.0.1:9999/v1/models'],
    ['box', 'http://box:11434/v1/models'],
    ['https://box/', 'https://box/v1/models'],
    ['http://box:1', 'http://box:1/v1/models'],
  ];
  it.each(HOSTS)('OLLAMA_HOST %s -> %s', async (host, url) => {
    const net = network();
    await detectProviders({ OLLAMA_HOST: host }, net);
    expect(net.asked[0]?.url).toBe(url);
  });

  it('LLAMACPP_URL -> asked there; 8080, this server itself, is never asked', async () => {
    const net = network({ 'http://127.0.0.1:9090/v1/models': { data: [{ id: 'm', meta: { n_ctx: 4096 } }] } });
    const [llama] = await detectProviders({ LLAMACPP_URL: 'http://127.0.0.1:9090' }, net);
    expect(llama).toMatchObject({ name: 'llamacpp', models: [{ name: 'm', context_window: 4096 }] });
    expect(net.asked.some(({ url }) => url.includes(':8080'))).toBe(false);
  });

  it.each([['<html>a page</html>'], [{ data: 'none' }], [{ data: [] }], [[]]])(
    'something else answers (%j) -> not a provider',
    async (answer) => {
      expect(await detectProviders({}, network({ [OLLAMA]: answer }))).toEqual([]);
    },
  );

  it('a server that never answers -> given up in time', async () => {
    const hanging: typeof fetch = (_url, init) =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('timed out'))));
    expect(await detectProviders({}, { fetch: hanging, timeoutMs: 20 })).toEqual([]);
  });
});
