/** `GET /models` of a server, as far as we need it: names and context windows. Every answer is from outside and bounded. */
import { z } from 'zod';
import type { ModelSettings } from './known-models.js';

export interface ListModelsOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** For models whose listing names none. */
  readonly contextWindow: number;
  /** What a token costs there; left out where it is not known. */
  readonly prices?: ModelSettings['prices'];
}

const MAX_LISTING_CHARS = 4_000_000;
const MAX_MODELS = 200;
const MIN_CONTEXT = 1000;

const window = z.number().int().min(MIN_CONTEXT).nullish().catch(null);
const listingSchema = z.object({
  data: z.array(
    z.object({
      id: z.string().min(1).max(200),
      /** vLLM, Groq and OpenRouter each have a name for it; llama.cpp keeps what it was started with under `meta`. */
      max_model_len: window,
      context_window: window,
      context_length: window,
      meta: z.object({ n_ctx: window }).nullish().catch(null),
    }),
  ),
});

/** Names of models that do not chat; asked to, they answer with an error. */
const NOT_FOR_CHAT = /embed|rerank|whisper|tts|moderation|dall-e|bge-|minilm|stable-diffusion|flux/i;

/** @returns null when nothing there answers like a model server in time; never throws: absence is an answer here. */
export async function listModels(url: string, options: ListModelsOptions): Promise<ModelSettings[] | null> {
  try {
    const response = await options.fetch(url, {
      headers: { accept: 'application/json', ...options.headers },
      // A key goes to the address it was meant for and nowhere else.
      redirect: 'error',
      signal: AbortSignal.timeout(options.timeoutMs),
    });
    if (!response.ok || Number(response.headers.get('content-length') ?? 0) > MAX_LISTING_CHARS) {
      await response.body?.cancel();
      return null;
    }
    return toModels(await response.json(), options);
  } catch {
    // Refused, timed out, or not JSON: no model server is listening there, which is what was asked.
    return null;
  }
}

function toModels(listing: unknown, options: ListModelsOptions): ModelSettings[] | null {
  const parsed = listingSchema.safeParse(listing);
  if (!parsed.success) return null;
  return parsed.data.data
    .filter((model) => !NOT_FOR_CHAT.test(model.id))
    .slice(0, MAX_MODELS)
    .map((model) => ({
      name: model.id,
      context_window:
        model.max_model_len ??
        model.context_window ??
        model.context_length ??
        model.meta?.n_ctx ??
        options.contextWindow,
      ...(options.prices === undefined ? {} : { prices: options.prices }),
    }));
}
