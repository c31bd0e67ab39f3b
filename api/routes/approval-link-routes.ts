/**
 * `/v1/approvals/{id}/links` and `/v1/approval-links`: deciding about one call without a key, with a link that works once. The
 * signed token in its path is the credential.
 */
import type { Request } from 'express';
import { failure } from '../../domain/failures.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { createApprovalLinks, makeLink } from '../approval-links.js';
import type { ApprovalLinks } from '../approval-links.js';
import { createFormOrJsonBody } from '../middleware/json-body.js';
import { pageAnswers, wantsJson } from '../middleware/page-answers.js';
import { decidedPage, questionPage } from '../pages/approval-page.js';
import { approvalLinkSchema, madeLinkSchema } from '../schemas/approval-answer.js';
import { errorSchema } from '../schemas/answer-schemas.js';
import { linkDecisionSchema, linkRequestSchema } from '../schemas/approval-request.js';

const TAG = 'Approvals';
/** A decision and a reason, as a form sends them: each byte of it may take three. */
const LINK_BODY_BYTES = 64 * 1024;
const HOST = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;

/** Where the caller reached this server; a proxy in front may know better, hence the setting. */
function baseUrlOf(req: Request, publicUrl: string | null): string {
  if (publicUrl !== null) return publicUrl;
  const host = req.header('host') ?? '';
  if (HOST.test(host)) return `${req.protocol}://${host}`;
  throw failure(
    'request.invalid',
    'No link can be made from the header Host of this request: send a host name, or set TURNSTONE_PUBLIC_URL.',
  );
}

const LINK_ERRORS = {
  404: { description: 'Not a link of this server', schema: errorSchema },
  410: { description: 'Used up, or its time is over', schema: errorSchema },
  429: { description: 'Too many requests', schema: errorSchema },
} as const;

function createRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/approvals/{id}/links',
    operationId: 'createApprovalLink',
    summary: 'Make a link for deciding without a key',
    description: 'Whoever has the link can decide about this one call, once. It shows the arguments of the call.',
    tag: TAG,
    scope: 'write',
    body: linkRequestSchema,
    answers: { 201: { description: 'The link; its address is not shown again', schema: madeLinkSchema } },
    async handle({ body, caller, context, param, req, res }) {
      const making = { scope: caller.scope, context, baseUrl: baseUrlOf(req, deps.links.publicUrl) };
      const { id, url, expiresAtMs } = await makeLink(deps, making, param('id'), body.expires_in ?? null);
      res.setHeader('Cache-Control', 'no-store');
      res.status(201).json({ object: 'approval_link', id, url, expires_at: expiresAtMs / 1000 });
    },
  });
}

function openRoute(links: ApprovalLinks): ApiRoute {
  return defineRoute({
    method: 'get',
    path: '/v1/approval-links/{token}',
    operationId: 'getApprovalLink',
    summary: 'The call behind a link',
    description: 'A page for people, or JSON for who accepts only that. Opening a link decides nothing.',
    tag: TAG,
    scope: null,
    before: [pageAnswers],
    answers: {
      200: { description: 'What is asked', schema: approvalLinkSchema, contentType: 'application/json' },
      ...LINK_ERRORS,
    },
    async handle({ param, req, res }) {
      const view = await links.show(param('token'), req.ip ?? 'unknown');
      if (wantsJson(req)) res.json(view);
      else res.type('html').send(questionPage(view));
    },
  });
}

function decideRoute(links: ApprovalLinks): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/approval-links/{token}',
    operationId: 'decideByApprovalLink',
    summary: 'Decide with a link',
    description: 'One decision counts; every later use of any link of the approval is 410.',
    tag: TAG,
    scope: null,
    before: [pageAnswers, createFormOrJsonBody(LINK_BODY_BYTES)],
    form: true,
    body: linkDecisionSchema,
    answers: { 200: { description: 'Decided', schema: approvalLinkSchema }, ...LINK_ERRORS },
    async handle({ body, context, param, req, res }) {
      const view = await links.decide(param('token'), { address: req.ip ?? 'unknown', context }, body);
      if (wantsJson(req)) res.json(view);
      else res.type('html').send(decidedPage(view));
    },
  });
}

export function createApprovalLinkRoutes(deps: ApiDeps): readonly ApiRoute[] {
  const links = createApprovalLinks(deps);
  return [createRoute(deps), openRoute(links), decideRoute(links)];
}
