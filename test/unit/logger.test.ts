/** Proves: log lines are JSON with bound fields, and secrets never reach them, whether in fields, errors or messages. */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../adapters/logging/create-logger.js';
import type { LoggerOptions } from '../../adapters/logging/create-logger.js';
import { toTemporalLogger } from '../../adapters/temporal/temporal-runtime.js';
import type { Logger } from '../../domain/ports/logger.js';
import { createRecordingLogger } from '../support/recording-logger.js';

function capture(options: Partial<LoggerOptions> & { isTTY?: boolean } = {}): { logger: Logger; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const destination = Object.assign(stream, { isTTY: options.isTTY ?? false });
  return { logger: createLogger({ level: 'debug', format: 'auto', destination, ...options }), text: () => text };
}

const KEY = 'sk-proj-0123456789abcdefghijklmn';

describe('createLogger', () => {
  it('fields: bound by children and given with the line -> one JSON object with all of them', () => {
    const { logger, text } = capture();
    logger.child({ requestId: 'req_1' }).child({ turnId: 'resp_1' }).info({ step: 2 }, 'step finished');
    expect(JSON.parse(text())).toMatchObject({
      level: 'info',
      msg: 'step finished',
      requestId: 'req_1',
      turnId: 'resp_1',
      step: 2,
    });
  });

  it('level: below the one set -> nothing is written', () => {
    const { logger, text } = capture({ level: 'warn' });
    logger.info({}, 'quiet');
    logger.warn({}, 'loud');
    expect(text()).toContain('loud');
    expect(text()).not.toContain('quiet');
  });

  it.each([
    ['a field', { apiKey: KEY }],
    ['a nested field', { request: { api_key: KEY } }],
    ['a header three levels down', { a: { headers: { authorization: `Bearer ${KEY}` } } }],
    ['a header with dashes', { headers: { 'x-api-key': KEY } }],
    ['the message of an error', { err: new Error(`Incorrect API key provided: ${KEY}`) }],
    ['the cause of an error', { err: new Error('call failed', { cause: new Error(`401 for Bearer ${KEY}`) }) }],
    ['the stack of an error', { err: Object.assign(new Error('x'), { stack: `Error: ${KEY}\n  at a` }) }],
  ])('secrets: in %s -> blanked', (_where, fields) => {
    const { logger, text } = capture();
    logger.error(fields, 'failed');
    expect(text()).not.toContain('0123456789abcdef');
    expect(text()).toContain('[redacted]');
  });

  it('secrets: in the message or bound by a child -> blanked', () => {
    const { logger, text } = capture();
    logger.child({ authorization: `Bearer ${KEY}` }).info({}, `asked with ${KEY}`);
    expect(text()).not.toContain('0123456789abcdef');
  });

  it('errors: with causes and a code -> all are in the line', () => {
    const { logger, text } = capture();
    const cause = Object.assign(new Error('socket closed'), { code: 'ECONNRESET' });
    logger.error({ err: new Error('call failed', { cause }) }, 'failed');
    expect(JSON.parse(text())).toMatchObject({
      err: { message: 'call failed', cause: { message: 'socket closed', code: 'ECONNRESET' } },
    });
  });

  it('format: auto on a terminal -> readable lines; json even there when asked for', () => {
    const onTerminal = capture({ isTTY: true, colors: false });
    onTerminal.logger.info({ step: 1 }, 'hello');
    expect(onTerminal.text()).toMatch(/INFO: hello\n\s+step: 1/);
    const asJson = capture({ isTTY: true, format: 'json' });
    asJson.logger.info({}, 'hello');
    expect(JSON.parse(asJson.text())).toMatchObject({ msg: 'hello' });
  });
});

describe('toTemporalLogger', () => {
  it('workflow logs: fields of the workflow and of the SDK -> the names this product uses', () => {
    const { logger, lines } = createRecordingLogger();
    toTemporalLogger(logger).warn('turn failed', {
      turnId: 'resp_1',
      workflowId: 'turn/resp_1',
      sdkComponent: 'workflow',
      namespace: 'default',
      attempt: 2,
    });
    expect(lines).toEqual([
      {
        level: 'warn',
        message: 'turn failed',
        fields: { turnId: 'resp_1', workflowId: 'turn/resp_1', component: 'workflow', attempt: 2 },
      },
    ]);
  });

  it('worker chatter: info of the worker -> debug; its warnings stay', () => {
    const { logger, lines } = createRecordingLogger();
    toTemporalLogger(logger).info('Worker state changed', { sdkComponent: 'worker' });
    toTemporalLogger(logger).warn('Failed to poll', { sdkComponent: 'worker' });
    expect(lines.map((line) => line.level)).toEqual(['debug', 'warn']);
  });
});
