/** What vendors write when they mean one of our failure codes: the signs that beat the HTTP status, and the status table. */
import type { FailureCode } from '../../domain/failures.js';

/** In order: the first that matches codes or message decides. Sources: the vendors' error pages and servers' messages. */
interface Signal {
  readonly code: FailureCode;
  readonly codes?: RegExp;
  readonly message?: RegExp;
}

export const SIGNALS: readonly Signal[] = [
  {
    code: 'model.content-filtered',
    codes:
      /content_filter|content_policy_violation|responsibleaipolicyviolation|invalid_prompt|prohibited_content|moderation/,
    message:
      /content management policy|flagged (?:as|by|for)|violat\w* (?:our|the) (?:usage|content) polic|input was flagged/i,
  },
  {
    code: 'model.context-overflow',
    codes:
      /context_length_exceeded|context_window_exceeded|exceed_context_size_error|request_too_large|string_above_max_length/,
    message: new RegExp(
      [
        'maximum context length', // OpenAI, vLLM, Mistral
        'maximum model length', // vLLM
        'maximum prompt length', // xAI
        'prompt is too long', // Anthropic
        'exceed(?:s|ed)? (?:the )?context (?:limit|length|window|size)', // Anthropic, Ollama
        'exceeds the (?:available|maximum) context', // llama.cpp, Ollama
        'input token count .{0,80}exceeds the maximum', // Gemini
        'context (?:the )?overflows|greater than the context length', // LM Studio
        'reduce the length of (?:the|your) (?:messages|prompt|input)', // OpenAI, Groq
        'inputs` tokens \\+ `max_new_tokens` must be', // Text Generation Inference
        'input is too long for|too many input tokens', // Bedrock behind gateways
        'request too large for', // OpenAI: one request above the tokens per minute never fits
      ].join('|'),
      'i',
    ),
  },
  {
    code: 'model.quota-exhausted',
    codes:
      /insufficient_quota|billing_hard_limit_reached|billing_not_active|insufficient_balance|payment_required|insufficient_credits/,
    message:
      /credit balance is too low|insufficient (?:balance|credits|funds)|requires more credits|monthly included credits/i,
  },
  {
    code: 'model.unauthorized',
    codes: /invalid_api_key|authentication_error|api_key_invalid|unauthenticated|permission_error|permission_denied/,
    message: /api key not valid|(?:incorrect|invalid|missing|unknown) (?:api[ -]?key|x-api-key)/i,
  },
  {
    code: 'model.not-found',
    codes: /model_not_found|deploymentnotfound|not_found_error|modelnotfound/,
    message: /model .{1,120}(?:not found|does not exist|is not supported by any provider)|unknown model|no such model/i,
  },
  {
    code: 'model.overloaded',
    codes: /overloaded|capacity_exceeded|service_unavailable|engine_overloaded/,
    message: /(?:model|server|engine) is (?:currently )?overloaded|over capacity/i,
  },
];

/** Errors without a status (inside a stream): codes and types alone. */
export const STATUSLESS_CODES: readonly (readonly [RegExp, FailureCode])[] = [
  [/rate_limit|resource_exhausted|too_many_requests/, 'model.rate-limited'],
  [/timeout|deadline_exceeded/, 'model.timeout'],
  [/invalid_request|bad_request|invalid_argument|unprocessable/, 'model.bad-request'],
];

const BY_STATUS: Readonly<Record<number, FailureCode>> = {
  401: 'model.unauthorized',
  402: 'model.quota-exhausted',
  403: 'model.unauthorized',
  404: 'model.not-found',
  408: 'model.timeout',
  409: 'model.unavailable',
  410: 'model.not-found',
  413: 'model.context-overflow',
  425: 'model.unavailable',
  429: 'model.rate-limited',
  498: 'model.overloaded',
  499: 'model.unavailable',
  503: 'model.overloaded',
  529: 'model.overloaded',
};

export function codeOfStatus(status: number): FailureCode {
  const known = BY_STATUS[status];
  if (known !== undefined) return known;
  if (status >= 500) return 'model.unavailable';
  // A redirect is never followed (the key would go along); what is below 400 otherwise is no answer to a model call.
  return status >= 400 ? 'model.bad-request' : 'model.invalid-reply';
}
