/** Model servers on this machine: asked for their models, all at once, each with a short time to answer. */
import { providerSchema } from '../../domain/provider.js';
import type { ProviderSettings } from '../../domain/provider.js';
import type { ModelSettings } from './known-models.js';
import { listModels } from './model-listing.js';

interface LocalServer {
  readonly name: string;
  readonly title: string;
  readonly baseUrl: string;
  /** These servers do not say how much context they were started with; a small guess is safe, a large one is cut silently. */
  readonly contextWindow: number;
}

const LOCAL_CONTEXT = 8_192;
const MIN_CONTEXT = 1_000;
/** Your own machine costs nothing per token. */
const FREE: NonNullable<ModelSettings['prices']> = { input_per_million_micros: 0, output_per_million_micros: 0 };
/** A model may first have to be loaded from disk. */
const LOAD_TIMEOUT_MS = 180_000;

type Environment = Readonly<Record<string, string | undefined>>;

export async function detectLocalServers(
  env: Environment,
  options: { readonly fetch: typeof globalThis.fetch; readonly timeoutMs: number },
): Promise<ProviderSettings[]> {
  const found = await Promise.all(
    localServers(env).map(async (server) => {
      const { baseUrl: base_url, name, title, contextWindow } = server;
      const models = await listModels(`${base_url}/models`, { ...options, contextWindow, prices: FREE });
      if (models === null || models.length === 0) return null;
      const count = models.length === 1 ? '1 model' : `${models.length} models`;
      const timeouts = { first_byte_timeout_ms: LOAD_TIMEOUT_MS };
      return providerSchema.parse({
        name,
        base_url,
        models,
        ...timeouts,
        found: `${title} answers at ${new URL(base_url).host} (${count})`,
      });
    }),
  );
  return found.filter((provider) => provider !== null);
}

function localServers(env: Environment): readonly LocalServer[] {
  const ollamaContext = Number(env['OLLAMA_CONTEXT_LENGTH']);
  return [
    {
      name: 'ollama',
      title: 'Ollama',
      baseUrl: `${ollamaUrl(env['OLLAMA_HOST'])}/v1`,
      contextWindow: Number.isInteger(ollamaContext) && ollamaContext >= MIN_CONTEXT ? ollamaContext : LOCAL_CONTEXT,
    },
    { name: 'lmstudio', title: 'LM Studio', baseUrl: 'http://127.0.0.1:1234/v1', contextWindow: LOCAL_CONTEXT },
    { name: 'llamacpp', title: 'llama.cpp', baseUrl: llamaCppUrl(env['LLAMACPP_URL']), contextWindow: LOCAL_CONTEXT },
  ];
}

/** As Ollama reads it: scheme and port may be missing, and the address it listens on may be "all of them". */
function ollamaUrl(host: string | undefined): string {
  const fallback = 'http://127.0.0.1:11434';
  if (host === undefined) return fallback;
  const address = /^https?:\/\//.test(host) ? host : `http://${host.startsWith(':') ? `127.0.0.1${host}` : host}`;
  if (!URL.canParse(address)) return fallback;
  const url = new URL(address);
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = '127.0.0.1';
  const port = url.port === '' && !/^https?:\/\//.test(host) ? ':11434' : url.port === '' ? '' : `:${url.port}`;
  return `${url.protocol}//${url.hostname}${port}`;
}

function llamaCppUrl(url: string | undefined): string {
  const root = (url !== undefined && URL.canParse(url) ? url : 'http://127.0.0.1:8081').replace(/(?<!\/)\/+$/, '');
  return root.endsWith('/v1') ? root : `${root}/v1`;
}
