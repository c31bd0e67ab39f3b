/** The HTTP application: middleware in order, then routes, then the one place errors are rendered. */
import compression from 'compression';
import express from 'express';
import type { Express, Response } from 'express';
import helmet from 'helmet';
import type { AnswerDeps } from './answer-turn.js';
import type { ApiDeps } from './api-deps.js';
import type { ApiRoute } from './api-route.js';
import { createAuthenticate } from './middleware/authenticate.js';
import { createCodecCors } from './middleware/codec-cors.js';
import { createJsonBody } from './middleware/json-body.js';
import { createRateLimit } from './middleware/rate-limit.js';
import { createDrainGate } from './middleware/refuse-when-draining.js';
import { renderError } from './middleware/render-error.js';
import { createRequestIdentity } from './middleware/request-identity.js';
import { createRequestLog } from './middleware/request-log.js';
import { mountRoutes, routeNotFound } from './mount-routes.js';
import { createOpenApiDocument } from './openapi/openapi-document.js';
import { createAdminKeyRoutes } from './routes/admin-key-routes.js';
import { createAdminTenantRoutes } from './routes/admin-tenant-routes.js';
import { createAdminUserRoutes } from './routes/admin-user-routes.js';
import { createBackupRoutes } from './routes/backup-routes.js';
import { createBudgetRoutes } from './routes/budget-routes.js';
import { createAuditRoutes } from './routes/audit-routes.js';
import { createApprovalLinkRoutes } from './routes/approval-link-routes.js';
import { createApprovalRoutes } from './routes/approval-routes.js';
import { createChatCompletionRoutes } from './routes/chat-completion-routes.js';
import { createCodecRoutes } from './routes/codec-routes.js';
import { createConversationItemRoutes } from './routes/conversation-item-routes.js';
import { createConsentRoutes } from './routes/consent-routes.js';
import { createConversationRoutes } from './routes/conversation-routes.js';
import { createConversationTransferRoutes } from './routes/conversation-transfer-routes.js';
import { createDocsRoutes } from './routes/docs-routes.js';
import { createFileRoutes } from './routes/file-routes.js';
import { createEffectRoutes } from './routes/effect-routes.js';
import { createForkRoutes } from './routes/fork-routes.js';
import { createHealthRoutes } from './routes/health-routes.js';
import { createImageProxyRoutes } from './routes/image-proxy-routes.js';
import { createModelRoutes } from './routes/model-routes.js';
import { createResponseActionRoutes } from './routes/response-action-routes.js';
import { createResponseRoutes } from './routes/response-routes.js';
import { createSteerRoutes } from './routes/steer-routes.js';
import { createUsageRoutes } from './routes/usage-routes.js';
import { createStreamSlots } from './stream-slots.js';

/** Smaller answers cost more to compress than to send. */
const COMPRESS_FROM_BYTES = 2048;

/** A compressor holds events back until its block is full: streams stay as they are. */
function mayCompress(res: Response): boolean {
  return !String(res.getHeader('content-type') ?? '').startsWith('text/event-stream');
}

/** TLS ends at a proxy, which also owns HSTS; pages of this server embed nothing and are embedded nowhere. */
const securityHeaders = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  strictTransportSecurity: false,
});

/** All routes of the API as data, the document of them included. */
export function createApiRoutes(deps: ApiDeps): readonly ApiRoute[] {
  const answerDeps: AnswerDeps = { ...deps, streamSlots: createStreamSlots(deps.maxStreamsPerKey) };
  let documentText: string | null = null;
  const routes: readonly ApiRoute[] = [
    ...createResponseRoutes(answerDeps),
    ...createResponseActionRoutes(answerDeps),
    ...createSteerRoutes(deps),
    ...createForkRoutes(answerDeps),
    ...createEffectRoutes(deps),
    ...createApprovalRoutes(deps),
    ...createConsentRoutes(deps),
    ...createApprovalLinkRoutes(deps),
    ...createConversationRoutes(deps),
    ...createConversationItemRoutes(deps),
    ...createConversationTransferRoutes(deps),
    ...createUsageRoutes(deps),
    ...createChatCompletionRoutes(answerDeps),
    ...createModelRoutes(deps),
    ...createFileRoutes(deps),
    ...createImageProxyRoutes(deps),
    ...createAdminKeyRoutes(deps),
    ...createAdminUserRoutes(deps),
    ...createAdminTenantRoutes(deps),
    ...createBackupRoutes(deps),
    ...createBudgetRoutes(deps),
    ...createAuditRoutes(deps),
    ...createCodecRoutes(deps),
    ...createHealthRoutes(deps),
    ...createDocsRoutes(() => (documentText ??= JSON.stringify(createOpenApiDocument(routes, deps.version)))),
  ];
  return routes;
}

/**
 * The API over its ports. Holds no process-wide state: two apps in one process do not know each other.
 * The caller listens, and on shutdown makes `isDraining` true before it closes the server.
 */
export function createApp(deps: ApiDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use(createRequestIdentity(deps.logger));
  app.use(createRequestLog(deps.metrics));
  app.use(securityHeaders);
  app.use(
    compression({
      threshold: COMPRESS_FROM_BYTES,
      filter: (req, res) => mayCompress(res) && compression.filter(req, res),
    }),
  );
  const gates = {
    authenticate: createAuthenticate(deps.apiKeys),
    rateLimit: createRateLimit(deps.rateLimit),
    drain: createDrainGate(deps.isDraining),
    jsonBody: createJsonBody(deps.bodyLimitBytes),
  };
  app.use('/codec', createCodecCors(deps.codec?.origins ?? []));
  app.use(mountRoutes(createApiRoutes(deps), gates));
  app.use(routeNotFound);
  app.use(renderError);
  return app;
}
