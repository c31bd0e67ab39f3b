/** Language models as the product sees them, whatever wire they speak. Adapters turn vendor errors into failure codes. */
import type { JsonObject } from '../json.js';
import type { ModelPrices, TokenUsage } from '../pricing.js';
import type { TextFormat, ToolChoice } from '../turn.js';

export type UserPart =
  | { readonly type: 'text'; readonly text: string }
  /** An https or data URL. */
  | { readonly type: 'image'; readonly url: string; readonly detail: 'low' | 'high' | 'auto' }
  /** A file the provider reads itself (PDF and the like), as a data URL. */
  | { readonly type: 'file'; readonly filename: string; readonly dataUrl: string };

export interface ModelToolCall {
  readonly callId: string;
  readonly name: string;
  readonly arguments: string;
}

export type ModelMessage =
  | { readonly role: 'system'; readonly text: string }
  | { readonly role: 'user'; readonly parts: readonly UserPart[] }
  | { readonly role: 'assistant'; readonly text: string; readonly toolCalls: readonly ModelToolCall[] }
  | { readonly role: 'tool'; readonly callId: string; readonly text: string };

export interface ModelTool {
  readonly name: string;
  readonly description: string;
  readonly parameters: JsonObject;
  readonly strict: boolean;
}

export interface ModelRequest {
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ModelTool[];
  readonly toolChoice: ToolChoice;
  readonly parallelToolCalls: boolean;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly maxOutputTokens: number | null;
  readonly textFormat: TextFormat;
  readonly reasoningEffort: string | null;
  /** Opaque id of the end user, for the provider's abuse detection. */
  readonly user: string | null;
}

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/**
 * A model's answer as it streams. `index` numbers the tool calls of the answer. A stream that does not end with `finish`
 * throws instead (`model.stream-cut`), so a half-written tool call is never taken for a whole one.
 */
export type ModelChunk =
  | { readonly type: 'text-delta'; readonly text: string }
  | { readonly type: 'refusal-delta'; readonly text: string }
  | { readonly type: 'reasoning-delta'; readonly text: string }
  | { readonly type: 'reasoning-summary-delta'; readonly text: string }
  | { readonly type: 'tool-call-start'; readonly index: number; readonly callId: string; readonly name: string }
  | { readonly type: 'tool-call-delta'; readonly index: number; readonly arguments: string }
  | { readonly type: 'usage'; readonly usage: TokenUsage }
  | { readonly type: 'finish'; readonly reason: FinishReason };

export interface ModelInfo {
  /** `provider/model`. */
  readonly name: string;
  readonly provider: string;
  /** Tokens of context, input and output together. */
  readonly contextWindow: number;
  /** Null: no price known; cost is then reported as incomplete. */
  readonly prices: ModelPrices | null;
  /** A scripted demo, not a language model. */
  readonly demo: boolean;
  /** Scheme, host and port its calls go to; absent for a model that calls nobody. */
  readonly origin?: string;
}

/** A key that came with a request, for one address. Never logged, never in a message. */
export interface ProviderCredential {
  readonly origin: string;
  readonly apiKey: string;
}

export interface LanguageModel extends ModelInfo {
  /**
   * One call, no retries. First-byte and idle timers, the provider's circuit breaker and error classification are inside.
   * Aborting `signal` closes the provider's socket at once and throws `turn.cancelled`.
   * @param credential used in place of the configured key, and only when the call goes to its origin.
   * @throws only failures with `model.*` codes, `credential.missing` (another origin) or `turn.cancelled`.
   */
  stream(request: ModelRequest, signal: AbortSignal, credential?: ProviderCredential): AsyncIterable<ModelChunk>;
}

export interface ModelRegistry {
  /** Fallback chains, then models known by name; a provider may serve more (`provider/anything` is passed on where the provider allows it). */
  list(): readonly ModelInfo[];
  /**
   * `auto`, `provider/model`, or a bare model name that is listed -> names in fallback order.
   * @returns null when nothing answers to the name.
   */
  resolve(reference: string): readonly string[] | null;
  /** @returns null when configuration no longer holds the model. */
  get(name: string): LanguageModel | null;
  /** State per provider, for /healthz and doctor. */
  health(): readonly {
    readonly provider: string;
    readonly circuit: 'closed' | 'open' | 'half-open';
    readonly models: number;
  }[];
}
