/**
 * For each operation of the API a request that succeeds, with ids of the caller's own. The sweep replaces one id at a time,
 * so that what stands in for an answer of the wrong kind (a body that is refused for another reason) cannot hide a leak.
 */
import { FUNCTION } from './worlds.js';
import type { World } from './worlds.js';

export interface Request {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

const ok =
  (request: Request = {}): ((own: World) => Request) =>
  () =>
    request;
const aResponse = (own: World): Request => ({ path: { id: own.responseId } });
const aConversation = (own: World): Request => ({ path: { id: own.conversationId } });
const anItem = (own: World): Request => ({ path: { id: own.conversationId, item_id: own.itemId } });
const aFile = (own: World): Request => ({ path: { id: own.fileId } });

export const REQUESTS: Readonly<Record<string, (own: World) => Request>> = {
  createResponse: ok({ body: { input: 'hello' } }),
  getResponse: aResponse,
  deleteResponse: aResponse,
  countInputTokens: ok({ body: { input: 'hello' } }),
  cancelResponse: (own) => ({ path: { id: own.runningId } }),
  continueResponse: (own) => ({ path: { id: own.limitedId }, body: { background: true } }),
  listInputItems: aResponse,
  getResponseUsage: aResponse,
  // Outside of a conversation and without waiting: the engine of this test does not play forks.
  forkResponse: (own) => ({ path: { id: own.callingId }, body: { background: true } }),
  compareResponses: (own) => ({ ...aResponse(own), query: { with: own.limitedId } }),
  steerResponse: (own) => ({ path: { id: own.runningId }, body: { input: 'a word' } }),
  listSteers: (own) => ({ path: { id: own.runningId } }),
  cancelSteer: (own) => ({ path: { id: own.runningId, steer_id: own.steerId } }),
  listResponseEffects: aResponse,
  listConversationEffects: aConversation,
  getEffect: (own) => ({ path: { id: own.effectId } }),
  undoEffect: (own) => ({ path: { id: own.effectId } }),
  resolveEffect: (own) => ({ path: { id: own.effectId }, body: { happened: true } }),
  listApprovals: ok(),
  getApproval: (own) => ({ path: { id: own.approvalId } }),
  decideApproval: (own) => ({ path: { id: own.approvalId }, body: { decision: 'deny' } }),
  listConsents: (own) => ({ path: { id: own.consentedId } }),
  endConsent: (own) => ({ path: { id: own.consentedId, tool: own.consentedTool } }),
  createApprovalLink: (own) => ({ path: { id: own.approvalId }, body: { expires_in: 3600 } }),
  createConversation: ok({ body: { title: 'mine' } }),
  listConversations: ok({ query: { archived: 'any', limit: '100' } }),
  getConversation: aConversation,
  updateConversation: (own) => ({ ...aConversation(own), body: { title: 'renamed' } }),
  deleteConversation: aConversation,
  listConversationItems: aConversation,
  createConversationItems: (own) => ({
    ...aConversation(own),
    body: { items: [{ type: 'message', role: 'user', content: 'a note' }] },
  }),
  getConversationItem: anItem,
  deleteConversationItem: anItem,
  importConversation: (own) => ({ body: own.exported }),
  archiveConversation: (own) => ({ ...aConversation(own), body: { archived: true } }),
  exportConversation: aConversation,
  getConversationUsage: aConversation,
  createChatCompletion: ok({ body: { messages: [{ role: 'user', content: 'hello' }], tools: [toChatTool()] } }),
  listModels: ok(),
  getModel: ok({ path: { model: 'general' } }),
  getFile: aFile,
  deleteFile: aFile,
  getFileContent: aFile,
  createApiKey: ok({ body: { name: 'another', scopes: ['read'] } }),
  listApiKeys: ok(),
  revokeApiKey: (own) => ({ path: { id: own.keyId } }),
  listUsers: ok(),
  revokeUser: (own) => ({ path: { principal: own.principalId } }),
  restoreUser: (own) => ({ path: { principal: own.principalId } }),
  createTenant: ok({ body: { id: 'made-by-the-sweep', name: 'Made' } }),
  listTenants: ok(),
  createBackup: ok(),
  listBackups: ok(),
  setBudget: ok({ body: { period: 'total', limit_micros: 1_000_000_000, allow_unpriced: true } }),
  listBudgets: ok(),
  deleteBudget: ok({ path: { id: 'bud_0' } }),
  getLimits: ok(),
  listAudit: ok(),
  checkAudit: ok(),
  rotateEncryptionKey: ok(),
  decodePayloads: ok({ body: { payloads: [] } }),
  encodePayloads: ok({ body: { payloads: [] } }),
  decodePayloadsForUi: ok({ path: { token: 'none' }, body: { payloads: [] } }),
};

/** Of another part of the server than its stores (its backups, its codec), or of the operator: no own request succeeds here. */
export const NOT_FOR_USERS: ReadonlySet<string> = new Set([
  'createBackup',
  'listBackups',
  'rotateEncryptionKey',
  'decodePayloads',
  'encodePayloads',
  'decodePayloadsForUi',
  'deleteBudget',
  // Only of a tool with an undo, and of a call nobody is sure of.
  'undoEffect',
  'resolveEffect',
]);

/** An own request of these takes away what others need. */
export const CONSUMING: ReadonlySet<string> = new Set([
  'deleteResponse',
  'cancelResponse',
  'cancelSteer',
  'continueResponse',
  'deleteConversation',
  'deleteConversationItem',
  'deleteFile',
  'revokeApiKey',
  'revokeUser',
  'decideApproval',
  'endConsent',
]);

function toChatTool(): object {
  const { type, ...rest } = FUNCTION;
  return { type, function: rest };
}

/** Routes without a key. Each is there on purpose; a link with a signature of ours is a key of its own. */
export const PUBLIC: readonly string[] = [
  ...[
    'GET /docs',
    'GET /docs/{asset}',
    'GET /healthz',
    'GET /livez',
    'GET /metrics',
    'GET /openapi.json',
    'GET /readyz',
  ],
  ...['GET /v1/approval-links/{token}', 'GET /v1/images/proxy', 'POST /v1/approval-links/{token}'],
];
