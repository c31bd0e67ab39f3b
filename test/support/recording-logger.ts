/** A logger that keeps its lines, bound fields included. */
import type { Logger } from '../../domain/ports/logger.js';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function createRecordingLogger(lines: LogLine[] = [], bound: object = {}): { logger: Logger; lines: LogLine[] } {
  const write = (level: LogLine['level']) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...bound, ...fields } });
  };
  const logger: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => createRecordingLogger(lines, { ...bound, ...fields }).logger,
  };
  return { logger, lines };
}
