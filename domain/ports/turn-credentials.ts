/** Provider keys that came with a request: sealed in a row of their turn, gone in the transaction that ends it. */
import type { Scope } from '../scope.js';
import type { ProviderCredential } from './model.js';

export interface TurnCredentials {
  /** False: this server has no master key and takes none. */
  readonly available: boolean;
  /** Seal for one turn and one origin; the accepting transaction writes it. @throws `secrets.unavailable`. */
  seal(scope: Scope, turnId: string, credential: ProviderCredential): Promise<Uint8Array>;
  /** @throws `credential.missing`: the turn has none any more, or it was sealed for another turn or origin. */
  open(scope: Scope, turnId: string, origin: string): Promise<ProviderCredential>;
  /** System-wide: delete those of turns that have ended, should any be left. Safe to repeat. @returns how many. */
  purgeEnded(limit: number): Promise<number>;
}
