/** The master key of this server, the keys of tenants it wraps, and what is made of them. */
import type { Config } from '../adapters/config/load-config.js';
import { createImageLinks } from '../adapters/secrets/image-links.js';
import { createKeyRing } from '../adapters/secrets/key-ring.js';
import type { KeyRing } from '../adapters/secrets/key-ring.js';
import { keepMasterKey, parseMasterKey } from '../adapters/secrets/master-key.js';
import type { MasterKey } from '../adapters/secrets/master-key.js';
import { createNoSecretBox, createSecretBox } from '../adapters/secrets/secret-box.js';
import { createPayloadCipher } from '../adapters/secrets/payload-cipher.js';
import type { ImageLinks } from '../domain/ports/image-links.js';
import type { Logger } from '../domain/ports/logger.js';
import type { PayloadCipher } from '../domain/ports/payload-cipher.js';
import type { SecretBox } from '../domain/ports/secret-box.js';
import type { TenantKeyStore } from '../domain/ports/tenant-key-store.js';
import { masterKeyPath } from './data-folder.js';

export interface Secrets {
  readonly box: SecretBox;
  /** Null: there is no master key. */
  readonly ring: KeyRing | null;
  /** Null: Temporal payloads are not encrypted. */
  readonly payloads: PayloadCipher | null;
  readonly imageLinks: ImageLinks;
  /** The master key as text, for the net that keeps secrets out of answers. */
  readonly masterKeyText: string | null;
}

/** Known before anything is opened: the workflow bundle is built for it. */
export function hasMasterKey({ master_key: key, database }: Config): boolean {
  return key !== undefined || database.url === undefined;
}

/**
 * With a database of one's own the key must be given: one made here would be lost with the container, and with it everything it
 * wraps. Keys wrapped by a previous master key are wrapped again.
 * @throws `config.invalid` when a tenant's key was wrapped by a master key the server does not have.
 */
export async function openSecrets(config: Config, store: TenantKeyStore, logger: Logger): Promise<Secrets> {
  const master = await findMasterKey(config);
  if (master === null) {
    logger.warn(
      {},
      'no master key: Temporal payloads are not encrypted and no provider key is taken with a request; set TURNSTONE_MASTER_KEY',
    );
    return {
      box: createNoSecretBox(),
      ring: null,
      payloads: null,
      imageLinks: createImageLinks([]),
      masterKeyText: null,
    };
  }
  const previous = config.previous_master_keys.map((text) => parseMasterKey(text, 'TURNSTONE_PREVIOUS_MASTER_KEYS'));
  const ring = createKeyRing({ store, masterKeys: [master, ...previous] });
  const rewrapped = await ring.rewrap();
  if (rewrapped > 0)
    logger.info({ keys: rewrapped, masterKey: master.id }, 'tenant keys wrapped with the new master key');
  const imageLinks = createImageLinks([master, ...previous]);
  const masterKeyText = Buffer.from(master.key).toString('hex');
  return { box: createSecretBox(ring), ring, payloads: createPayloadCipher(ring), imageLinks, masterKeyText };
}

async function findMasterKey(config: Config): Promise<MasterKey | null> {
  if (config.master_key !== undefined) return parseMasterKey(config.master_key, 'TURNSTONE_MASTER_KEY');
  return config.database.url === undefined ? keepMasterKey(masterKeyPath(config.dataDir)) : null;
}
