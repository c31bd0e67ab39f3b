/** What an error answer must hold, said once. */
import { expect } from 'vitest';
import type { Answer } from './api-fakes.js';

export interface ExpectedError {
  readonly status: number;
  readonly code: string;
  readonly param?: string | null;
  /** Words of the message that say what to do. */
  readonly says: RegExp;
}

export function expectError(answer: Answer, expected: ExpectedError): void {
  expect({ status: answer.status, ...answer.json.error }).toMatchObject({
    status: expected.status,
    code: expected.code,
    param: expected.param ?? null,
    type: expect.stringMatching(/_error$/) as string,
    request_id: answer.headers.get('x-request-id'),
  });
  expect(answer.json.error.message).toMatch(expected.says);
}

export const invalid = (param: string | null, says: RegExp): ExpectedError => ({
  status: 400,
  code: 'request.invalid',
  param,
  says,
});
