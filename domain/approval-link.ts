/**
 * Links for deciding about one call without a key: a signed token says which approval, for which arguments, and who made the
 * link. There is no table of them: an approval leaves `pending` once, and with that all its links are used up.
 */
import { isId } from './ids.js';
import type { ApprovalRecord } from './ports/approval-store.js';
import type { SecretBox } from './ports/secret-box.js';

export const APPROVAL_LINK_PATH = '/v1/approval-links';
/** Tokens of other purposes open no approval. */
const PURPOSE = 'approval';
const HASH = /^[0-9a-f]{64}$/;

export interface ApprovalLink {
  readonly id: string;
  readonly tenantId: string;
  readonly approvalId: string;
  /** Of the arguments that were asked about when the link was made. */
  readonly argumentsHash: string;
  /** The principal who made it; a link dies with the rights of its maker. */
  readonly madeBy: string;
  readonly expiresAtMs: number;
}

export interface NewApprovalLink {
  readonly id: string;
  readonly tenantId: string;
  readonly madeBy: string;
  readonly approval: Pick<ApprovalRecord, 'id' | 'argumentsHash' | 'expiresAtMs'>;
  /** Null: as long as the approval itself. */
  readonly untilMs: number | null;
  /** Where people reach this server, without a slash at the end. */
  readonly baseUrl: string;
}

export interface MadeApprovalLink {
  readonly id: string;
  readonly url: string;
  readonly expiresAtMs: number;
}

/** The same request makes the same link. @throws `secrets.unavailable`, `store.unavailable`. */
export async function makeApprovalLink(box: SecretBox, link: NewApprovalLink): Promise<MadeApprovalLink> {
  const { id, tenantId, madeBy, approval, baseUrl } = link;
  const untilMs = Math.min(link.untilMs ?? Infinity, approval.expiresAtMs);
  // Whole seconds, as the answer says it.
  const expiresAtMs = Math.floor(untilMs / 1000) * 1000;
  const subject = [approval.id, approval.argumentsHash, id, madeBy].join(' ');
  const token = await box.sign(tenantId, PURPOSE, subject, expiresAtMs);
  return { id, url: `${baseUrl}${APPROVAL_LINK_PATH}/${token}`, expiresAtMs };
}

export type ReadApprovalLink =
  | { readonly state: 'valid'; readonly link: ApprovalLink }
  | { readonly state: 'expired' }
  | { readonly state: 'invalid' };

/** Whatever is wrong with a token is `invalid`; so is every token where this server can sign nothing. */
export async function readApprovalLink(box: SecretBox, token: string): Promise<ReadApprovalLink> {
  if (!box.available) return { state: 'invalid' };
  const verified = await box.verify(PURPOSE, token);
  if (verified.state !== 'valid') return verified;
  const [approvalId = '', argumentsHash = '', id = '', madeBy = '', ...more] = verified.subject.split(' ');
  const whole = isId(approvalId) && HASH.test(argumentsHash) && isId(id) && madeBy !== '' && more.length === 0;
  if (!whole) return { state: 'invalid' };
  const { tenantId, expiresAtMs } = verified;
  return { state: 'valid', link: { id, tenantId, approvalId, argumentsHash, madeBy, expiresAtMs } };
}
