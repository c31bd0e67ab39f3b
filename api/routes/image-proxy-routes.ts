/**
 * `/v1/images/proxy`: a remote image of an answer, fetched by this server, so that its owner learns nothing of who reads it. The
 * signed link is the credential, because an `img` tag can send no key: only addresses that this server wrote are fetched.
 */
import { z } from 'zod';
import { failure } from '../../domain/failures.js';
import type { EgressResponse } from '../../domain/ports/tool-runtime.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { closedObject } from '../schemas/closed-object.js';
import { sniffImage } from '../data-url.js';
import type { InlineBytes } from '../data-url.js';

const MAX_IMAGE_BYTES = 10 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 15_000;
/** Each holds up to an image in memory; more at once wait for their readers to ask again. */
const MAX_AT_ONCE = 8;
const RETRY_AFTER_MS = 1_000;

const proxyQuerySchema = closedObject({
  url: z.string().min(1).max(8192),
  tenant: z.string().min(1).max(128),
  signature: z.string().min(1).max(128),
});

async function fetchImage(deps: ApiDeps, url: string, signal: AbortSignal): Promise<EgressResponse> {
  if (deps.images === undefined) throw notOurs();
  return deps.images.egress.fetch(url, {
    headers: { accept: 'image/png,image/jpeg,image/gif,image/webp' },
    maxBytes: MAX_IMAGE_BYTES,
    timeoutMs: FETCH_TIMEOUT_MS,
    signal,
  });
}

/** What it says it is counts as little as its name: the bytes decide. @throws `egress.http-error`. */
function requireImage(response: EgressResponse): InlineBytes {
  const { host } = new URL(response.url);
  if (response.status < 200 || response.status > 299) {
    throw failure('egress.http-error', `${host} answered with HTTP ${response.status} in place of the image.`);
  }
  try {
    return sniffImage(response.body, 'url');
  } catch (error) {
    throw failure('egress.http-error', `What ${host} sent is no PNG, JPEG, GIF or WebP image.`, { cause: error });
  }
}

const notOurs = (): Error =>
  failure(
    'auth.forbidden',
    'This link to an image was not made by this server, or was changed. Use it as it stands in the answer.',
  );

export function createImageProxyRoutes(deps: ApiDeps): readonly ApiRoute[] {
  let running = 0;
  return [
    defineRoute({
      method: 'get',
      path: '/v1/images/proxy',
      operationId: 'getProxiedImage',
      summary: 'A remote image of an answer',
      description:
        'Links to it are written into answers in place of images of other hosts. Needs no key: the link is signed.',
      tag: 'Images',
      scope: null,
      query: proxyQuerySchema,
      answers: { 200: { description: 'The image', contentType: 'image/*' } },
      async handle({ query, res }) {
        if (deps.images?.links.verify(query) !== true) throw notOurs();
        if (running >= MAX_AT_ONCE) {
          throw failure('request.rate-limited', 'Too many images are being fetched. Try again.', {
            retryAfterMs: RETRY_AFTER_MS,
          });
        }
        running += 1;
        const left = new AbortController();
        const leave = (): void => left.abort();
        res.once('close', leave);
        try {
          const { content, mimeType } = requireImage(await fetchImage(deps, query.url, left.signal));
          res.setHeader('Content-Type', mimeType);
          res.setHeader('X-Content-Type-Options', 'nosniff');
          res.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
          res.setHeader('Content-Disposition', 'inline');
          res.setHeader('Cache-Control', 'private, max-age=86400');
          res.end(content);
        } finally {
          running -= 1;
          res.removeListener('close', leave);
        }
      },
    }),
  ];
}
