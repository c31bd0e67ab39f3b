/**
 * Proves the one table from provider errors to failure codes: real bodies of the known vendors, statuses without a body,
 * errors inside streams, connection errors; that messages name provider and model and never a key; and the retry delay.
 */
import { describe, expect, it } from 'vitest';
import { MAX_RETRY_AFTER_MS, classifyError } from '../../adapters/openai/classify-error.js';
import type { FailureCode } from '../../domain/failures.js';

const KEY = 'wonderful-key-42';
const subject = { provider: 'acme', model: 'm-1', secrets: [KEY] };
const NOW = Date.parse('2026-01-01T00:00:00Z');

function classify(
  status: number | null,
  body: unknown,
  headers: Record<string, string> = {},
): ReturnType<typeof classifyError> {
  return classifyError({ status, body, headers }, subject, NOW);
}

function openAi(code: string | null, message: string, type = 'invalid_request_error'): unknown {
  return { error: { message, type, param: null, code } };
}

const VENDOR_ANSWERS: readonly (readonly [string, number | null, unknown, FailureCode])[] = [
  ['OpenAI wrong key', 401, openAi('invalid_api_key', 'Incorrect API key provided'), 'model.unauthorized'],
  [
    'region refused',
    403,
    openAi('unsupported_country_region_territory', 'Country not supported'),
    'model.unauthorized',
  ],
  [
    'Gemini wrong key as 400',
    400,
    [{ error: { code: 400, message: 'API key not valid. Please pass a valid API key.', status: 'INVALID_ARGUMENT' } }],
    'model.unauthorized',
  ],
  ['payment required', 402, { error: { message: 'Insufficient Balance' } }, 'model.quota-exhausted'],
  [
    'OpenAI quota as 429',
    429,
    openAi('insufficient_quota', 'You exceeded your current quota', 'insufficient_quota'),
    'model.quota-exhausted',
  ],
  [
    'Anthropic credit as 400',
    400,
    {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'Your credit balance is too low to access the API' },
    },
    'model.quota-exhausted',
  ],
  [
    'Gemini rate limit with quota words',
    429,
    {
      error: {
        code: 429,
        message: 'You exceeded your current quota, please check your plan',
        status: 'RESOURCE_EXHAUSTED',
      },
    },
    'model.rate-limited',
  ],
  ['OpenAI rate limit', 429, openAi('rate_limit_exceeded', 'Rate limit reached', 'requests'), 'model.rate-limited'],
  [
    'OpenAI one request over the limit',
    429,
    openAi('rate_limit_exceeded', 'Request too large for gpt-4o on tokens per min (TPM): Limit 30000', 'tokens'),
    'model.context-overflow',
  ],
  ['plain bad request', 400, openAi(null, "Unknown parameter: 'foo'"), 'model.bad-request'],
  [
    'unprocessable (FastAPI)',
    422,
    { detail: [{ loc: ['body', 'messages'], msg: 'field required' }] },
    'model.bad-request',
  ],
  ['OpenAI overflow', 400, openAi('context_length_exceeded', 'too long'), 'model.context-overflow'],
  [
    'vLLM overflow',
    400,
    { object: 'error', message: "This model's maximum context length is 4096 tokens.", code: 400 },
    'model.context-overflow',
  ],
  [
    'Anthropic overflow',
    400,
    openAi(null, 'prompt is too long: 208310 tokens > 200000 maximum'),
    'model.context-overflow',
  ],
  [
    'Gemini overflow',
    400,
    openAi(null, 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).'),
    'model.context-overflow',
  ],
  [
    'llama.cpp overflow',
    400,
    {
      error: {
        code: 400,
        message: 'the request exceeds the available context size',
        type: 'exceed_context_size_error',
      },
    },
    'model.context-overflow',
  ],
  [
    'LM Studio overflow',
    400,
    { error: 'Trying to keep the first 5000 tokens when context the overflows. The model is loaded with 4096' },
    'model.context-overflow',
  ],
  [
    'xAI overflow',
    400,
    openAi(null, "This model's maximum prompt length is 131072 but the request contains 200000 tokens."),
    'model.context-overflow',
  ],
  ['body too large', 413, '<html>413</html>', 'model.context-overflow'],
  [
    'Azure filter',
    400,
    {
      error: {
        code: 'content_filter',
        message: "The response was filtered due to Azure OpenAI's content management policy",
        innererror: { code: 'ResponsibleAIPolicyViolation' },
      },
    },
    'model.content-filtered',
  ],
  [
    'OpenAI flagged prompt',
    400,
    openAi('invalid_prompt', 'Invalid prompt: your prompt was flagged as potentially violating our usage policy'),
    'model.content-filtered',
  ],
  [
    'moderation as 403',
    403,
    { error: { message: 'Your input was flagged', code: 403, metadata: {} } },
    'model.content-filtered',
  ],
  ['unknown model', 404, openAi('model_not_found', 'The model `x` does not exist'), 'model.not-found'],
  ['unknown model as 400', 400, openAi('model_not_found', 'nope'), 'model.not-found'],
  [
    'Ollama model missing',
    404,
    { error: { message: 'model "x" not found, try pulling it first', type: 'api_error' } },
    'model.not-found',
  ],
  ['HTML 404', 404, '<html>nginx</html>', 'model.not-found'],
  ['retired model', 410, '', 'model.not-found'],
  ['timeout', 408, '', 'model.timeout'],
  ['conflict', 409, '', 'model.unavailable'],
  ['too early', 425, '', 'model.unavailable'],
  ['server error', 500, openAi(null, 'The server had an error', 'server_error'), 'model.unavailable'],
  [
    'Anthropic overloaded as 500',
    500,
    { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
    'model.overloaded',
  ],
  ['bad gateway', 502, '<html>model not found</html>', 'model.unavailable'],
  ['unavailable', 503, '', 'model.overloaded'],
  ['gateway timeout', 504, '', 'model.unavailable'],
  ['Cloudflare', 524, '', 'model.unavailable'],
  ['Anthropic overloaded', 529, '', 'model.overloaded'],
  ['redirect', 307, '', 'model.invalid-reply'],
  ['in stream, status in the body', null, { error: { code: 502, message: 'Upstream error' } }, 'model.unavailable'],
  ['in stream, status as text', null, { error: { code: '429', message: 'slow' } }, 'model.rate-limited'],
  [
    'in stream, rate limit by type',
    null,
    { error: { type: 'rate_limit_error', message: 'slow' } },
    'model.rate-limited',
  ],
  [
    'in stream, overloaded by type',
    null,
    { error: { type: 'overloaded_error', message: 'Overloaded' } },
    'model.overloaded',
  ],
  [
    'in stream, bad request by type',
    null,
    { error: { type: 'invalid_request_error', message: 'bad' } },
    'model.bad-request',
  ],
  ['in stream, text only', null, { error: 'something broke' }, 'model.unavailable'],
  ['in stream, responses wire', null, { type: 'error', code: 'server_error', message: 'oops' }, 'model.unavailable'],
  ['in stream, nothing', null, { error: null }, 'model.unavailable'],
];

describe('classifyError', () => {
  it.each(VENDOR_ANSWERS)('vendor answer: %s -> its code', (_title, status, body, code) => {
    const failed = classify(status, body);
    expect(failed.code).toBe(code);
    expect(failed.message).toContain('acme/m-1');
  });

  it('body: JSON text is read like JSON -> the same code', () => {
    expect(classify(400, JSON.stringify(openAi('context_length_exceeded', 'x'))).code).toBe('model.context-overflow');
    expect(classify(500, '{ not json').code).toBe('model.unavailable');
  });

  const NETWORK: readonly (readonly [string, FailureCode, RegExp])[] = [
    ['ENOTFOUND', 'model.unreachable', /resolved/],
    ['EAI_AGAIN', 'model.unreachable', /resolved/],
    ['ECONNREFUSED', 'model.unreachable', /refused/],
    ['ECONNRESET', 'model.unreachable', /closed/],
    ['UND_ERR_SOCKET', 'model.unreachable', /closed/],
    ['UND_ERR_CONNECT_TIMEOUT', 'model.unreachable', /in time/],
    ['UND_ERR_BODY_TIMEOUT', 'model.timeout', /too long/],
    ['CERT_HAS_EXPIRED', 'model.unreachable', /TLS/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'model.unreachable', /TLS/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'model.unreachable', /TLS/],
    ['HPE_INVALID_CONSTANT', 'model.invalid-reply', /HTTP/],
  ];
  it.each(NETWORK)('connection error %s -> %s', (code, expected, words) => {
    const inner = Object.assign(new Error('http://user:secret@host'), { code });
    const networkError = new TypeError('fetch failed', { cause: new AggregateError([inner], 'all failed') });
    const failed = classifyError({ status: null, headers: {}, body: undefined, networkError }, subject, NOW);
    expect(failed.code).toBe(expected);
    expect(failed.message).toMatch(words);
    expect(failed.message).toContain(code);
    expect(failed.message).not.toContain('secret');
  });

  it('connection error: no code at all -> unreachable', () => {
    const failed = classifyError({ status: null, headers: {}, body: undefined, networkError: 'odd' }, subject, NOW);
    expect(failed.code).toBe('model.unreachable');
  });
});

describe('the message', () => {
  it('what it says: status, request id, vendor text and remedy -> all there', () => {
    const { message } = classify(404, openAi('model_not_found', 'The model `m-1` does not exist'), {
      'x-request-id': 'req_9',
    });
    expect(message).toContain('HTTP 404, request req_9');
    expect(message).toContain('does not exist');
    expect(message).toContain('Check the model name');
  });

  const SECRETS: readonly string[] = [
    `wrong key ${KEY} used`,
    'Incorrect API key provided: sk-proj-abcdefghijklmnop.',
    'Incorrect API key provided: sk-***********wxyz. You can find it elsewhere',
    'header was Authorization: Bearer abc.def-ghi',
    'key AIzaSyA1234567890abcdefghijk is blocked',
    'token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln is expired',
    'GET https://host/v1?api_key=qwertyuiop&x=1',
    'proxy http://user:hunter22@proxy:3128 failed',
    'hf_AbCdEfGhIjKl is not allowed',
    'api_key = 0123456789abcdef0123456789abcdef',
  ];
  it.each(SECRETS)('vendor text with a secret (%s) -> masked', (text) => {
    const { message } = classify(401, openAi(null, text));
    expect(message).toContain('***');
    for (const secret of [
      KEY,
      'abcdefghijklmnop',
      'wxyz',
      'abc.def',
      'AIza',
      'eyJ',
      'qwertyuiop',
      'hunter22',
      'AbCdEf',
      '0123456789abcdef',
    ]) {
      expect(message).not.toContain(secret);
    }
  });

  it('a long body: a megabyte of text -> a short message on one line', () => {
    const { message } = classify(500, `line one\nline two\u0000 ${'word '.repeat(250_000)}`);
    expect(message.length).toBeLessThan(600);
    expect(message).not.toMatch(/[\n\u0000]/);
  });
});

describe('retryAfterMs', () => {
  const DELAYS: readonly (readonly [string, Record<string, string>, number | undefined])[] = [
    ['milliseconds win', { 'retry-after-ms': '1500', 'retry-after': '7' }, 1500],
    ['seconds', { 'retry-after': '7' }, 7000],
    ['fractions of seconds', { 'retry-after': '0.5' }, 500],
    ['a date', { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    ['a date in the past', { 'retry-after': 'Wed, 31 Dec 2025 23:00:00 GMT' }, 0],
    ['an hour', { 'retry-after': '3600' }, MAX_RETRY_AFTER_MS],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['nothing', {}, undefined],
  ];
  it.each(DELAYS)('header: %s -> the delay', (_title, headers, expected) => {
    expect(classify(429, '', headers).retryAfterMs).toBe(expected);
  });

  it("body: Gemini's RetryInfo -> the delay; a header wins over it", () => {
    const body = { error: { code: 429, details: [{ '@type': 'x' }, { retryDelay: '34s' }] } };
    expect(classify(429, body).retryAfterMs).toBe(34_000);
    expect(classify(429, body, { 'retry-after': '2' }).retryAfterMs).toBe(2000);
  });

  it('a failure that no retry helps: header sent anyway -> no delay', () => {
    expect(classify(401, '', { 'retry-after': '7' }).retryAfterMs).toBeUndefined();
  });
});
