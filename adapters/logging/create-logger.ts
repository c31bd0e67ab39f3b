/** Logs: one JSON object per line through pino, readable lines on a terminal; keys that hold secrets are blanked. */
import type { Writable } from 'node:stream';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Logger } from '../../domain/ports/logger.js';

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `auto`: pretty when the destination is a terminal. */
  readonly format: 'json' | 'pretty' | 'auto';
  /** Default: stderr, so that stdout stays with what a person asked for. */
  readonly destination?: Writable & { readonly isTTY?: boolean };
  /** False: pretty lines without colours. */
  readonly colors?: boolean;
}

const SECRET_KEYS = [
  'authorization',
  'Authorization',
  'cookie',
  'apiKey',
  'api_key',
  'api-key',
  'x-api-key',
  'adminKey',
  'admin_key',
  'master_key',
  'previous_master_keys',
  'x-provider-key',
  'X-Provider-Key',
  'providerKey',
  'password',
  'secret',
  'token',
  'databaseUrl',
];
/** pino's paths have no "at any depth": fields are flat by convention, and three levels cover headers of requests. */
const REDACT_PATHS = SECRET_KEYS.flatMap((key) => ['', '*.', '*.*.'].map((prefix) => pathTo(prefix, key)));

function pathTo(prefix: string, key: string): string {
  const plain = /^[A-Za-z_]\w*$/.test(key);
  if (plain) return `${prefix}${key}`;
  return `${prefix.replace(/\.$/, '')}["${key}"]`;
}

/** What slips into a message or an error's text, such as a provider's answer that quotes the key it was sent. */
const SECRET_TEXT = /\b(Bearer\s+|(?:sk|ts|hf|AIza)[-_])[A-Za-z0-9_\-.]{16,}/g;

function withoutSecrets(text: string): string {
  return text.replace(SECRET_TEXT, '$1[redacted]');
}

const MAX_CAUSES = 5;

function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const code: unknown = Reflect.get(error, 'code');
  return {
    type: error.name,
    message: withoutSecrets(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    stack: withoutSecrets(error.stack ?? ''),
    ...(error.cause === undefined || depth === MAX_CAUSES ? {} : { cause: serializeError(error.cause, depth + 1) }),
  };
}

/**
 * The process's logger. Errors are passed as `{ err }`: message, stack and causes are written, secrets in them blanked.
 */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? process.stderr;
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && destination.isTTY === true);
  const stream = isPretty
    ? pretty({
        destination,
        sync: true,
        colorize: options.colors ?? destination.isTTY === true,
        ignore: 'pid,hostname',
        translateTime: 'SYS:HH:MM:ss.l',
      })
    : destination;
  const root = pino(
    {
      level: options.level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: REDACT_PATHS, censor: '[redacted]' },
      serializers: { err: (error: unknown) => serializeError(error), error: (error: unknown) => serializeError(error) },
      formatters: { level: (label: string) => ({ level: label }) },
    },
    stream,
  );
  return toPort(root);
}

/** The part of a pino logger that is used; children have the same. */
interface PinoLogger extends Record<Level, (fields: object, message: string) => void> {
  child(fields: object): PinoLogger;
}
type Level = LoggerOptions['level'];

function toPort(logger: PinoLogger): Logger {
  const write =
    (level: Level) =>
    (fields: object, message: string): void =>
      logger[level](fields, withoutSecrets(message));
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => toPort(logger.child(fields)),
  };
}
