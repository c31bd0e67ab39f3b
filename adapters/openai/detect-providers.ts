/**
 * Providers that need no configuration: those whose keys are in the environment, then model servers on this machine.
 *
 * | found through | provider | base URL |
 * |---|---|---|
 * | OPENAI_API_KEY (OPENAI_BASE_URL, OPENAI_MODEL) | openai | api.openai.com, or the one named; its models are then asked for |
 * | AZURE_OPENAI_API_KEY + AZURE_OPENAI_ENDPOINT (AZURE_OPENAI_DEPLOYMENT, AZURE_OPENAI_API_VERSION or OPENAI_API_VERSION) | azure | the endpoint |
 * | ANTHROPIC_API_KEY (ANTHROPIC_MODEL) | anthropic | api.anthropic.com/v1, the OpenAI-compatible endpoint |
 * | GEMINI_API_KEY (GEMINI_MODEL) | gemini | generativelanguage.googleapis.com, the OpenAI-compatible endpoint |
 * | HF_TOKEN (HF_MODEL) | huggingface | router.huggingface.co/v1 |
 * | DIAL_URL (DIAL_API_KEY, DIAL_MODEL) | dial | the URL; its models are asked for |
 * | OLLAMA_HOST or 127.0.0.1:11434 | ollama | if it answers |
 * | 127.0.0.1:1234 | lmstudio | if it answers |
 * | LLAMACPP_URL or 127.0.0.1:8081 | llamacpp | if it answers (llama.cpp's own default, 8080, is this server's port) |
 *
 * A server of the OpenAI kind without a key takes any text as OPENAI_API_KEY. Empty variables count as not set. `found` of each says why it is there.
 */
import { failure } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import { providerSchema } from '../../domain/provider.js';
import type { ProviderSettings } from '../../domain/provider.js';
import { ANTHROPIC_MODELS, GEMINI_MODELS, HUGGINGFACE_MODELS, OPENAI_MODELS, withModel } from './known-models.js';
import type { ModelSettings } from './known-models.js';
import { detectLocalServers } from './local-servers.js';
import { listModels } from './model-listing.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface DetectOptions {
  readonly fetch?: typeof globalThis.fetch;
  /** For each server on this machine; all are asked at once. Default 300 ms. */
  readonly timeoutMs?: number;
  /** For a server named in the environment that must say which models it has. Default 3 s. */
  readonly remoteTimeoutMs?: number;
  /** False: look at the environment only. Default true. */
  readonly probeLocal?: boolean;
  /** Told what was found and why. */
  readonly logger?: Logger;
}

const LOCAL_TIMEOUT_MS = 300;
const REMOTE_TIMEOUT_MS = 3_000;
const DEFAULT_CONTEXT = 128_000;

type Probe = (url: string, headers: Record<string, string>) => Promise<ModelSettings[] | null>;
type Candidate = Promise<ProviderSettings | null>;

/**
 * @param env variables as a record; `*_FILE` already read.
 * @returns providers in order of preference. Does not throw for servers that do not answer.
 */
export async function detectProviders(env: Environment, options: DetectOptions = {}): Promise<ProviderSettings[]> {
  const fetch = options.fetch ?? globalThis.fetch;
  const set: Environment = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const probe: Probe = (url, headers) =>
    listModels(url, {
      fetch,
      headers,
      timeoutMs: options.remoteTimeoutMs ?? REMOTE_TIMEOUT_MS,
      contextWindow: DEFAULT_CONTEXT,
    });
  const named: readonly Candidate[] = [
    openAi(set, probe),
    azure(set),
    anthropic(set),
    gemini(set),
    huggingFace(set),
    dial(set, probe),
  ];
  const local =
    options.probeLocal === false
      ? []
      : detectLocalServers(set, { fetch, timeoutMs: options.timeoutMs ?? LOCAL_TIMEOUT_MS });
  const [fromEnvironment, fromMachine] = await Promise.all([Promise.all(named), local]);
  const providers = [...fromEnvironment.filter((provider) => provider !== null), ...fromMachine];
  for (const { name, found, models } of providers) {
    options.logger?.info({ provider: name, models: models.length }, `found provider ${name}: ${found ?? ''}`);
  }
  return providers;
}

/** @throws `config.invalid` naming the variable, never its value: a URL may carry credentials. */
function urlFrom(env: Environment, variable: string): string | undefined {
  const value = env[variable];
  if (value === undefined || (/^https?:\/\//i.test(value) && URL.canParse(value))) return value;
  throw failure(
    'config.invalid',
    `${variable} is not an http or https URL. Write it with its scheme, as in https://host/v1.`,
  );
}

async function openAi(env: Environment, probe: Probe): Candidate {
  const { OPENAI_API_KEY: api_key, OPENAI_MODEL: model } = env;
  const url = urlFrom(env, 'OPENAI_BASE_URL');
  if (api_key === undefined) return null;
  const base_url = url ?? 'https://api.openai.com/v1';
  const own = new URL(base_url).hostname.endsWith('api.openai.com');
  const listed = own
    ? OPENAI_MODELS
    : await probe(`${base_url.replace(/(?<!\/)\/+$/, '')}/models`, { authorization: `Bearer ${api_key}` });
  const hint =
    listed === null && model === undefined ? '; it does not list its models, so name one in OPENAI_MODEL' : '';
  const found = `OPENAI_API_KEY is set${url === undefined ? '' : `, OPENAI_BASE_URL is ${new URL(url).host}`}${hint}`;
  return providerSchema.parse({ name: 'openai', base_url, api_key, models: withModel(listed ?? [], model), found });
}

async function azure(env: Environment): Candidate {
  const { AZURE_OPENAI_API_KEY: api_key } = env;
  const base_url = urlFrom(env, 'AZURE_OPENAI_ENDPOINT');
  if (api_key === undefined || base_url === undefined) return null;
  const deployment = env['AZURE_OPENAI_DEPLOYMENT'] ?? env['AZURE_OPENAI_DEPLOYMENT_NAME'];
  const api_version = env['AZURE_OPENAI_API_VERSION'] ?? env['OPENAI_API_VERSION'];
  return providerSchema.parse({
    name: 'azure',
    dialect: 'azure',
    base_url,
    api_key,
    ...(api_version === undefined ? {} : { api_version }),
    // A deployment may have any name; when it has the model's, window and prices are known.
    models: deployment === undefined ? [] : withModel(OPENAI_MODELS, deployment).slice(0, 1),
    found: `AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT are set${deployment === undefined ? '; name a deployment in AZURE_OPENAI_DEPLOYMENT' : ''}`,
  });
}

async function anthropic(env: Environment): Candidate {
  const { ANTHROPIC_API_KEY: api_key, ANTHROPIC_MODEL: model } = env;
  if (api_key === undefined) return null;
  const models = withModel(ANTHROPIC_MODELS, model);
  return providerSchema.parse({
    name: 'anthropic',
    base_url: 'https://api.anthropic.com/v1/',
    api_key,
    models,
    found: 'ANTHROPIC_API_KEY is set',
  });
}

async function gemini(env: Environment): Candidate {
  const { GEMINI_API_KEY: api_key, GEMINI_MODEL: model } = env;
  if (api_key === undefined) return null;
  const base_url = 'https://generativelanguage.googleapis.com/v1beta/openai/';
  return providerSchema.parse({
    name: 'gemini',
    base_url,
    api_key,
    models: withModel(GEMINI_MODELS, model),
    found: 'GEMINI_API_KEY is set',
  });
}

async function huggingFace(env: Environment): Candidate {
  const { HF_TOKEN: api_key, HF_MODEL: model } = env;
  if (api_key === undefined) return null;
  const models = withModel(HUGGINGFACE_MODELS, model);
  return providerSchema.parse({
    name: 'huggingface',
    base_url: 'https://router.huggingface.co/v1',
    api_key,
    models,
    found: 'HF_TOKEN is set',
  });
}

async function dial(env: Environment, probe: Probe): Candidate {
  const { DIAL_API_KEY: api_key, DIAL_MODEL: model } = env;
  const base_url = urlFrom(env, 'DIAL_URL');
  if (base_url === undefined) return null;
  const root = base_url.replace(/(?<!\/)\/+$/, '').replace(/\/openai$/, '');
  const listed = await probe(`${root}/openai/models`, api_key === undefined ? {} : { 'api-key': api_key });
  const hint = listed === null && model === undefined ? '; it does not list its models, so name one in DIAL_MODEL' : '';
  return providerSchema.parse({
    name: 'dial',
    dialect: 'dial',
    base_url,
    ...(api_key === undefined ? {} : { api_key }),
    models: withModel(listed ?? [], model),
    found: `DIAL_URL is ${new URL(base_url).host}${hint}`,
  });
}
