/** Provider keys of turns in memory: bytes that are not the key, opened for their turn and origin only. */
import { failure } from '../../domain/failures.js';
import type { ProviderCredential } from '../../domain/ports/model.js';
import type { TurnCredentials } from '../../domain/ports/turn-credentials.js';

export interface InMemoryCredentials extends TurnCredentials {
  /** What was sealed, by turn. */
  readonly sealed: Map<string, ProviderCredential>;
}

export function createInMemoryCredentials(available = true): InMemoryCredentials {
  const sealed = new Map<string, ProviderCredential>();
  return {
    available,
    sealed,
    seal: async (_scope, turnId, credential) => {
      if (!available) throw failure('secrets.unavailable', 'This server has no master key.');
      sealed.set(turnId, credential);
      return Buffer.from(`sealed for ${turnId}`);
    },
    open: async (_scope, turnId, origin) => {
      const found = sealed.get(turnId);
      if (found?.origin === origin) return found;
      throw failure('credential.missing', `The provider key that came with ${turnId} is gone.`);
    },
    purgeEnded: async () => 0,
  };
}
