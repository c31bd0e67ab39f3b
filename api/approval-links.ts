/** Approval links: made for whoever may decide, opened by whoever has one. The signature is all the credential there is. */
import { setTimeout as pause } from 'node:timers/promises';
import { makeApprovalLink, readApprovalLink } from '../domain/approval-link.js';
import type { ApprovalLink, MadeApprovalLink } from '../domain/approval-link.js';
import { failure } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import { newId } from '../domain/ids.js';
import type { ApprovalRecord } from '../domain/ports/approval-store.js';
import { internalScope } from '../domain/scope.js';
import type { Scope } from '../domain/scope.js';
import type { ApiDeps } from './api-deps.js';
import { alreadyDecided, decideApproval, requireApproval } from './decide-approval.js';
import type { DecideDeps } from './decide-approval.js';
import { createAttemptLimit } from './middleware/attempt-limit.js';
import { toApprovalLinkView } from './projections/approval-link-view.js';
import type { ApprovalLinkView } from './projections/approval-link-view.js';
import type { RequestContext } from './request-context.js';
import type { LinkDecisionParams } from './schemas/approval-request.js';

type LinkDeps = DecideDeps & Pick<ApiDeps, 'audit' | 'directory' | 'links' | 'turns'>;

/** Links that are none, per address; a token is 256 bits of signature, so this only keeps guessing from costing queries. */
const FORGED_PER_MINUTE = 120;
/** Uses of genuine links, per approval. */
const USES_PER_MINUTE = 240;
/** All wrong tokens are answered after this: how far one got must not be told by how long that took. */
const WRONG_TOKEN_MS = 100;

const notFound = (): Failure =>
  failure(
    'approval.link-not-found',
    'There is no such link: it was changed, cut off on the way, or is not from this server. Open it as it was sent.',
  );

const gone = (why: string): Failure =>
  failure('approval.link-gone', `This link decides nothing any more: ${why}. GET /v1/approvals shows what waits.`);

const decidedAlready = ({ status }: ApprovalRecord): Failure => gone(`the call is ${status} already`);

/** @throws `approval.not-found`, `approval.decided`, `secrets.unavailable`. */
export async function makeLink(
  deps: LinkDeps,
  making: { readonly scope: Scope; readonly context: RequestContext; readonly baseUrl: string },
  approvalId: string,
  expiresInSeconds: number | null,
): Promise<MadeApprovalLink> {
  const { scope, context, baseUrl } = making;
  const approval = await requireApproval(deps, scope, approvalId);
  if (approval.status !== 'pending') throw alreadyDecided(approval);
  if (approval.expiresAtMs <= Date.now()) throw alreadyDecided({ ...approval, status: 'expired' });
  const link = await makeApprovalLink(deps.links.box, {
    id: newId('approvalLink'),
    tenantId: scope.tenantId,
    madeBy: scope.principalId,
    approval,
    untilMs: expiresInSeconds === null ? null : Date.now() + expiresInSeconds * 1000,
    baseUrl,
  });
  // A decision is recorded as that of the link: this says whose link it was.
  await deps.audit.append(scope.tenantId, {
    principalId: scope.principalId,
    action: 'approval_link.created',
    subject: approval.id,
    details: { link_id: link.id, expires_at: new Date(link.expiresAtMs).toISOString() },
    requestId: context.requestId,
  });
  context.logger.info({ approvalId: approval.id, linkId: link.id }, 'approval link made');
  return link;
}

interface OpenLink {
  readonly link: ApprovalLink;
  /** Acts in the approval's tenant, in the name of the link. */
  readonly scope: Scope;
  readonly view: ApprovalLinkView;
}

export interface ApprovalLinks {
  /** Decides nothing: mail scanners and previews open links too. @throws `approval.link-not-found`, `approval.link-gone`. */
  show(token: string, address: string): Promise<ApprovalLinkView>;
  /** @throws also `approval.link-cut`. */
  decide(
    token: string,
    asking: { readonly address: string; readonly context: RequestContext },
    params: LinkDecisionParams,
  ): Promise<ApprovalLinkView>;
}

export function createApprovalLinks(deps: LinkDeps): ApprovalLinks {
  const forged = createAttemptLimit(FORGED_PER_MINUTE);
  const uses = createAttemptLimit(USES_PER_MINUTE);

  async function verified(token: string, address: string): Promise<ApprovalLink> {
    const startedMs = performance.now();
    const read = await readApprovalLink(deps.links.box, token);
    if (read.state === 'valid') return read.link;
    if (read.state === 'expired') throw gone('its time is over');
    await forged.take(
      address,
      'Too many links that are none were opened from this address. Wait, then open yours again.',
    );
    await pause(Math.max(0, WRONG_TOKEN_MS - (performance.now() - startedMs)));
    throw notFound();
  }

  async function open(token: string, address: string): Promise<OpenLink> {
    const link = await verified(token, address);
    await uses.take(link.approvalId, 'This link was opened too often in a minute. Wait, then open it again.');
    const scope = internalScope(link.tenantId, `link:${link.id}`);
    const [approval, makerIsRevoked] = await Promise.all([
      deps.approvals.get(scope, link.approvalId),
      deps.directory.isRevoked(scope, link.madeBy),
    ]);
    if (makerIsRevoked) throw gone('whoever made it may not decide any more');
    if (approval === null) throw gone('the response it was about is gone');
    if (approval.argumentsHash !== link.argumentsHash) throw gone('the call has other arguments now');
    if (approval.status !== 'pending') throw decidedAlready(approval);
    const turn = await deps.turns.get(scope, approval.turnId);
    return { link, scope, view: toApprovalLinkView(link, approval, turn?.settings.agent.name ?? '') };
  }

  return {
    show: async (token, address) => (await open(token, address)).view,
    async decide(token, { address, context }, params) {
      const { link, scope, view } = await open(token, address);
      if (params.decision === 'approve' && view.arguments_cut) throw cutShort();
      const deciding = { scope, logger: context.logger, origin: 'link' as const };
      const decision = { ...params, arguments_hash: link.argumentsHash };
      const { approval, decidedNow } = await decideApproval(deps, deciding, link.approvalId, decision);
      if (!decidedNow) throw decidedAlready(approval);
      return { ...view, status: approval.status };
    },
  };
}

const cutShort = (): Failure =>
  failure(
    'approval.link-cut',
    'The arguments of this call are longer than a link shows, so it cannot be approved with one. Deny it, or decide with a key.',
  );
