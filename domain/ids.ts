/** Prefixed, time-ordered ids: `<prefix>_` + 48 bits of milliseconds + 80 random bits, in Crockford base 32. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

export const ID_PREFIXES = {
  response: 'resp',
  conversation: 'conv',
  message: 'msg',
  reasoning: 'rs',
  functionCall: 'fc',
  functionCallOutput: 'fco',
  toolCall: 'call',
  codeInterpreterCall: 'ci',
  webSearchCall: 'ws',
  genericToolCall: 'tc',
  compaction: 'cmp',
  approval: 'appr',
  approvalResponse: 'mcpr',
  approvalLink: 'alink',
  file: 'file',
  apiKey: 'key',
  budget: 'bud',
  request: 'req',
  steer: 'steer',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

export function newId(kind: IdKind, nowMs: number = Date.now()): string {
  let time = '';
  for (let rest = nowMs, digit = 0; digit < TIME_DIGITS; digit += 1, rest = Math.floor(rest / 32)) {
    time = (ALPHABET[rest % 32] ?? '0') + time;
  }
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(RANDOM_DIGITS));
  let random = '';
  for (const byte of bytes) random += ALPHABET[byte % 32] ?? '0';
  return `${ID_PREFIXES[kind]}_${time}${random}`;
}

const ID_PATTERN = /^[a-z]{2,5}_[0-9a-z]{1,64}$/;

/** True for anything that has the shape of one of our ids; used before an id reaches a query, a path or a log line. */
export function isId(value: string): boolean {
  return ID_PATTERN.test(value);
}
