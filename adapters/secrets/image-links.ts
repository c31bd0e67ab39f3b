/** Signs the links of proxied images with a key of the master key: no query, so that an answer never waits for one. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ImageLinks } from '../../domain/ports/image-links.js';
import type { MasterKey } from './master-key.js';
import { deriveKey } from './sealed-bytes.js';

export const IMAGE_PROXY_PATH = '/v1/images/proxy';
const PURPOSE = 'image links';

function signatureOf(key: Uint8Array, tenant: string, url: string): Buffer {
  return createHmac('sha256', key)
    .update(JSON.stringify([tenant, url]))
    .digest();
}

/** @param masterKeys the one that signs, then those whose links still hold; none: nothing can be signed. */
export function createImageLinks(masterKeys: readonly MasterKey[]): ImageLinks {
  const keys = masterKeys.map(({ key }) => deriveKey(key, PURPOSE));
  const [newest] = keys;
  return {
    link(tenant, url) {
      if (newest === undefined) return null;
      const signature = signatureOf(newest, tenant, url).toString('base64url');
      return `${IMAGE_PROXY_PATH}?${new URLSearchParams({ url, tenant, signature }).toString().replaceAll('*', '%2A')}`;
    },
    verify({ tenant, url, signature }) {
      const given = Buffer.from(signature, 'base64url');
      return keys.some((key) => {
        const wanted = signatureOf(key, tenant, url);
        return given.length === wanted.length && timingSafeEqual(given, wanted);
      });
    },
  };
}
