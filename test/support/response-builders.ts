/** Responses with valid defaults. */
import { toResponseResource } from '../../domain/response-resource.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import type { TurnRecord } from '../../domain/turn.js';
import { aTurn } from './turn-builders.js';

export function aResponse(change: Partial<TurnRecord> = {}): ResponseResource {
  return toResponseResource(aTurn({ status: 'in_progress', completedAtMs: null, ...change }), []);
}
