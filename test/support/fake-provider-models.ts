/** Real models over a fake provider: builders with valid defaults for everything a test does not care about. */
import { createModelRegistry } from '../../adapters/openai/model-registry.js';
import type { LanguageModel, ModelChunk, ModelRequest } from '../../domain/ports/model.js';
import { providerSchema } from '../../domain/provider.js';
import type { ProviderSettings } from '../../domain/provider.js';
import type { FakeProvider } from './fake-provider.js';
import { createRecordingLogger } from './recording-logger.js';

export const FAKE_KEY = 'sk-fake-0123456789abcdef';

export function providerSettings(
  provider: Pick<FakeProvider, 'baseUrl'>,
  settings: Partial<Record<keyof ProviderSettings, unknown>> = {},
): ProviderSettings {
  const models = [{ name: 'fake-model' }];
  return providerSchema.parse({ name: 'fake', base_url: provider.baseUrl, api_key: FAKE_KEY, models, ...settings });
}

/** The model `fake/fake-model` of a registry with this one provider. */
export function openModel(
  provider: Pick<FakeProvider, 'baseUrl'>,
  settings: Partial<Record<keyof ProviderSettings, unknown>> = {},
): LanguageModel {
  const providers = [providerSettings(provider, settings)];
  const registry = createModelRegistry({
    providers,
    fallbacks: [],
    extraModels: [],
    logger: createRecordingLogger().logger,
  });
  const model = registry.get('fake/fake-model');
  if (model === null) throw new Error('the registry does not hold fake/fake-model');
  return model;
}

export function modelRequest(parts: Partial<ModelRequest> = {}): ModelRequest {
  return {
    messages: [{ role: 'user', parts: [{ type: 'text', text: 'hello' }] }],
    tools: [],
    toolChoice: 'auto',
    parallelToolCalls: true,
    temperature: null,
    topP: null,
    maxOutputTokens: null,
    textFormat: { type: 'text' },
    reasoningEffort: null,
    user: null,
    ...parts,
  };
}

/** A request with one user message. */
export function asking(text: string, parts: Partial<ModelRequest> = {}): ModelRequest {
  return modelRequest({ messages: [{ role: 'user', parts: [{ type: 'text', text }] }], ...parts });
}

export interface Answer {
  readonly chunks: readonly ModelChunk[];
  readonly text: string;
  readonly reasoning: string;
  readonly summary: string;
  readonly refusal: string;
  readonly calls: readonly { readonly callId: string; readonly name: string; readonly arguments: string }[];
  readonly usage: Extract<ModelChunk, { type: 'usage' }>['usage'] | null;
  readonly finish: string | null;
  /** What ended the stream instead of `finish`. */
  readonly error: unknown;
}

/** Reads an answer to its end, or to what ended it. */
export async function readAnswer(stream: AsyncIterable<ModelChunk>): Promise<Answer> {
  const chunks: ModelChunk[] = [];
  let error: unknown = null;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { ...summarize(chunks), error };
}

/** One call with a signal nobody aborts. */
export function ask(model: LanguageModel, request: ModelRequest = modelRequest()): Promise<Answer> {
  return readAnswer(model.stream(request, new AbortController().signal));
}

export function summarize(chunks: readonly ModelChunk[]): Omit<Answer, 'error'> {
  const joined = (type: ModelChunk['type']): string =>
    chunks.map((chunk) => (chunk.type === type && 'text' in chunk ? chunk.text : '')).join('');
  const starts = chunks.filter((chunk) => chunk.type === 'tool-call-start');
  const argumentsOf = (index: number): string =>
    chunks.map((chunk) => (chunk.type === 'tool-call-delta' && chunk.index === index ? chunk.arguments : '')).join('');
  return {
    chunks,
    text: joined('text-delta'),
    reasoning: joined('reasoning-delta'),
    summary: joined('reasoning-summary-delta'),
    refusal: joined('refusal-delta'),
    calls: starts.map(({ index, callId, name }) => ({ callId, name, arguments: argumentsOf(index) })),
    usage: chunks.find((chunk) => chunk.type === 'usage')?.usage ?? null,
    finish: chunks.find((chunk) => chunk.type === 'finish')?.reason ?? null,
  };
}
