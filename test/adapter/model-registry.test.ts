/** Proves how model names resolve: auto, chains, listed and unlisted names, the demo, and what names that lead nowhere do. */
import { describe, expect, it } from 'vitest';
import { createDemoModel } from '../../adapters/demo/demo-model.js';
import { createModelRegistry } from '../../adapters/openai/model-registry.js';
import type { ModelRegistryOptions } from '../../adapters/openai/model-registry.js';
import type { ModelRegistry } from '../../domain/ports/model.js';
import { providerSchema } from '../../domain/provider.js';
import type { ProviderSettings } from '../../domain/provider.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import type { LogLine } from '../support/recording-logger.js';

const PRICES = { input_per_million_micros: 2_500_000, output_per_million_micros: 10_000_000 };

function settings(name: string, models: readonly string[], rest: object = {}): ProviderSettings {
  const listed = models.map((model) => ({ name: model, context_window: 32_000, prices: PRICES }));
  return providerSchema.parse({ name, base_url: `https://${name}.example/v1`, models: listed, ...rest });
}

function registry(options: Partial<ModelRegistryOptions> = {}): ModelRegistry & { readonly lines: readonly LogLine[] } {
  const { logger, lines } = createRecordingLogger();
  const providers = [
    settings('one', ['alpha', 'shared']),
    settings('two', ['beta', 'shared', 'org/gamma'], { any_model: false }),
  ];
  return {
    ...createModelRegistry({ providers, fallbacks: [], extraModels: [createDemoModel()], logger, ...options }),
    lines,
  };
}

describe('resolve', () => {
  it.each([
    ['auto', ['one/alpha']],
    ['one/alpha', ['one/alpha']],
    ['one/anything/at:all', ['one/anything/at:all']],
    ['two/org/gamma', ['two/org/gamma']],
    ['two/anything', null],
    ['alpha', ['one/alpha']],
    ['org/gamma', ['two/org/gamma']],
    ['shared', null],
    ['demo/scripted', ['demo/scripted']],
    ['scripted', ['demo/scripted']],
    ['three/alpha', null],
    ['nothing', null],
    ['', null],
    ['/', null],
    ['one/', null],
    [`one/${'x'.repeat(500)}`, null],
    ['__proto__', null],
    ['constructor/x', null],
  ])('%j -> %j', (reference, expected) => {
    expect(registry().resolve(reference)).toEqual(expected);
  });

  it('auto: no provider lists a model -> the demo; nothing at all -> null', () => {
    expect(registry({ providers: [settings('one', [])] }).resolve('auto')).toEqual(['demo/scripted']);
    expect(registry({ providers: [], extraModels: [] }).resolve('auto')).toBeNull();
  });

  it('auto: a default model, chain or bare name is set -> that; one that leads nowhere -> null and a warning', () => {
    expect(registry({ defaultModel: 'two/beta' }).resolve('auto')).toEqual(['two/beta']);
    expect(registry({ defaultModel: 'beta' }).resolve('auto')).toEqual(['two/beta']);
    const fallbacks = [{ name: 'safe', models: ['two/beta', 'one/alpha'] }];
    expect(registry({ defaultModel: 'safe', fallbacks }).resolve('auto')).toEqual(['two/beta', 'one/alpha']);
    const lost = registry({ defaultModel: 'gone/model' });
    expect(lost.resolve('auto')).toBeNull();
    expect(lost.lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', expect.stringContaining('gone/model') as string],
    ]);
  });

  it('a chain: some of its models are not served -> the others, and a warning; none -> null', () => {
    const fallbacks = [
      { name: 'safe', models: ['gone/x', 'one/alpha', 'two/unlisted', 'two/beta'] },
      { name: 'lost', models: ['gone/x'] },
    ];
    const models = registry({ fallbacks });
    expect(models.resolve('safe')).toEqual(['one/alpha', 'two/beta']);
    expect(models.resolve('lost')).toBeNull();
    expect(models.lines.map(({ fields }) => fields['missing'])).toEqual([['gone/x', 'two/unlisted'], ['gone/x']]);
  });
});

describe('list, get, health', () => {
  it('list -> providers in order, then the demo, with windows and prices', () => {
    const listed = registry().list();
    expect(listed.map(({ name }) => name)).toEqual([
      'one/alpha',
      'one/shared',
      'two/beta',
      'two/shared',
      'two/org/gamma',
      'demo/scripted',
    ]);
    expect(listed[0]).toMatchObject({
      provider: 'one',
      contextWindow: 32_000,
      demo: false,
      prices: {
        inputPerMillionMicros: 2_500_000,
        cachedInputPerMillionMicros: 2_500_000,
        outputPerMillionMicros: 10_000_000,
      },
    });
    expect(listed.at(-1)?.demo).toBe(true);
  });

  it('get: listed, unlisted, refused -> model, model without price, null', () => {
    const models = registry();
    expect(models.get('one/alpha')?.contextWindow).toBe(32_000);
    expect(models.get('one/new')).toMatchObject({ name: 'one/new', prices: null, contextWindow: 128_000 });
    expect(models.get('two/new')).toBeNull();
    expect(models.get('alpha')).toBeNull();
  });

  it('two providers with one name -> the first, and a warning', () => {
    const models = registry({ providers: [settings('one', ['alpha']), settings('one', ['beta'])] });
    expect(models.list().map(({ name }) => name)).toEqual(['one/alpha', 'demo/scripted']);
    expect(models.lines[0]?.message).toContain('configured twice');
  });

  it('health -> one line per provider', () => {
    expect(registry().health()).toEqual([
      { provider: 'one', circuit: 'closed', models: 2 },
      { provider: 'two', circuit: 'closed', models: 3 },
    ]);
  });
});

describe('settings', () => {
  it('dial with the responses wire -> refused with the remedy', () => {
    expect(() => settings('dial', ['m'], { dialect: 'dial', wire: 'responses' })).toThrow(/set it to chat/);
  });
});
