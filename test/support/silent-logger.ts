/** For parts whose log says nothing about what is tested. */
import type { Logger } from '../../domain/ports/logger.js';

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
