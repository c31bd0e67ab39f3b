/**
 * What a foreign id in each place must lead to. The first rule that matches `operationId METHOD path slot` counts; a slot
 * without a rule fails the sweep.
 */
import type { Operation } from './id-slots.js';
import { FUNCTION } from './worlds.js';
import type { World } from './worlds.js';

interface Hidden {
  /** The answer is the one an unknown id gets, whatever stands behind the id. */
  readonly kind: 'hidden';
  /** 200: a cursor that names nothing ends the list. */
  readonly status: 200 | 400 | 404;
  readonly of: (victim: World) => string;
  /** An id of the same shape that names nothing. */
  readonly unknown: string;
}

interface Harmless {
  /** The id is not looked up among what exists: the request may succeed, shows nothing of the victim and changes nothing. */
  readonly kind: 'harmless';
  readonly of: (victim: World) => string;
  readonly because: string;
}

export interface Rule {
  readonly slot: RegExp;
  readonly rule: Hidden | Harmless;
}

const NO_TIME = '0'.repeat(26);
const hidden = (prefix: string, of: Hidden['of'], status: Hidden['status'] = 404): Hidden => ({
  kind: 'hidden',
  status,
  of,
  unknown: `${prefix}${NO_TIME}`,
});
const harmless = (because: string, of: Harmless['of']): Harmless => ({ kind: 'harmless', because, of });

const OWN_NAME = 'the server gives the item an id of its own';
const CLIENT_NAME = 'the caller’s own name for something, never looked up';

export const RULES: readonly Rule[] = [
  { slot: /^(steerResponse|listSteers|cancelSteer) .* path\.id$/, rule: hidden('resp_', (victim) => victim.runningId) },
  { slot: /^cancelSteer .* path\.steer_id$/, rule: hidden('steer_', (victim) => victim.steerId) },
  {
    slot: /^steerResponse .* body\.input\[\]\.(?!message\.content)/,
    rule: harmless('only messages of the user are taken', (victim) => victim.itemId),
  },
  { slot: /\/v1\/effects\/\{id\}\S* path\.id$/, rule: hidden('tc_', (victim) => victim.effectId) },
  { slot: /\/effects query\.after$/, rule: hidden('tc_', (victim) => victim.effectId, 200) },
  { slot: /^cancelResponse .* path\.id$/, rule: hidden('resp_', (victim) => victim.runningId) },
  { slot: /^continueResponse .* path\.id$/, rule: hidden('resp_', (victim) => victim.limitedId) },
  { slot: /\/v1\/responses\/\{id\}\S* path\.id$/, rule: hidden('resp_', (victim) => victim.responseId) },
  { slot: /\/v1\/approvals\/\{id\}\S* path\.id$/, rule: hidden('appr_', (victim) => victim.approvalId) },
  { slot: /^listApprovals .* query\.after$/, rule: hidden('appr_', (victim) => victim.approvalId, 400) },
  {
    slot: /^listApprovals .* query\.(conversation|response)$/,
    rule: harmless('a filter over the caller’s own approvals', (victim) => victim.conversationId),
  },
  {
    slot: /^createResponse .* body\.\S*mcp_approval_response\.approval_request_id$/,
    rule: hidden('appr_', (victim) => victim.approvalId),
  },
  { slot: /\/consents\S* path\.id$/, rule: hidden('conv_', (victim) => victim.consentedId) },
  { slot: /^endConsent .* path\.tool$/, rule: hidden('tool_', (victim) => victim.consentedTool) },
  { slot: /\/v1\/conversations\/\{id\}\S* path\.id$/, rule: hidden('conv_', (victim) => victim.conversationId) },
  { slot: /\/v1\/conversations\/\{id\}\S* path\.item_id$/, rule: hidden('msg_', (victim) => victim.itemId) },
  { slot: /\/v1\/files\/\{id\}\S* path\.id$/, rule: hidden('file_', (victim) => victim.fileId) },
  { slot: /\/v1\/admin\/keys\/\{id\} path\.id$/, rule: hidden('key_', (victim) => victim.keyId) },
  {
    slot: /\/v1\/admin\/users\/\{principal\}\S* path\.principal$/,
    rule: hidden('nobody-', () => 'ben'),
  },
  { slot: /\/v1\/admin\/budgets\/\{id\} path\.id$/, rule: hidden('bud_', () => 'bud_1') },
  { slot: /^getModel .* path\.model$/, rule: harmless('models are the same for everybody', () => 'general') },
  {
    slot: /^decodePayloadsForUi .* path\.token$/,
    rule: harmless('a secret of the server, not of a user', (victim) => victim.key),
  },
  {
    slot: /^listConversations .* query\.q$/,
    rule: harmless('a search, which is tried with the victim’s words below', () => 'x'),
  },
  { slot: /^compareResponses .* query\.with$/, rule: hidden('resp_', (victim) => victim.responseId) },
  { slot: /^forkResponse .* body\.change\.tool_result\.call$/, rule: hidden('tc_', (victim) => victim.callId) },
  {
    slot: / body\.\S*mcp_approval_response\.approval_request_id$/,
    rule: harmless('kept as it is; a decision is looked up among the approvals of the turns before', () => 'appr_1'),
  },
  // A cursor that names nothing is a bad request, and so is somebody else's.
  { slot: /^listConversations .* query\.after$/, rule: hidden('conv_', (victim) => victim.conversationId, 400) },
  {
    slot: /^(listInputItems|listConversationItems) .* query\.after$/,
    rule: hidden('msg_', (victim) => victim.itemId, 400),
  },
  {
    slot: /^(listUsers|listTenants|listAudit) .* query\.after$/,
    rule: harmless('a place in the order, not a thing', () => '1'),
  },
  {
    slot: / header\.Idempotency-Key$/,
    rule: harmless('keys of another user are other keys', (victim) => victim.idempotencyKey),
  },
  {
    slot: /^(createResponse|countInputTokens) .* body\.conversation(\.id)?$/,
    rule: hidden('conv_', (victim) => victim.conversationId),
  },
  {
    slot: /^(createResponse|countInputTokens) .* body\.previous_response_id$/,
    rule: hidden('resp_', (victim) => victim.responseId),
  },
  { slot: /^countInputTokens .* body\.input/, rule: harmless('only its length is counted', (victim) => victim.fileId) },
  {
    slot: /^importConversation .* body\./,
    rule: harmless('an import is what its file says, under new ids', (victim) => victim.fileId),
  },
  { slot: /\.(input_image|input_file|file)\.(file\.)?file_id$/, rule: hidden('file_', (victim) => victim.fileId) },
  {
    slot: / body\.(change\.)?(input|items)\[\]\.function_call_output\.call_id$/,
    rule: hidden('call_', (victim) => victim.callId, 400),
  },
  { slot: / body\.(change\.)?(input|items)\[\]\.item_reference\.id$/, rule: hidden('msg_', (victim) => victim.itemId) },
  { slot: / body\.(change\.)?(input|items)\[\]\.\S+\.id$/, rule: harmless(OWN_NAME, (victim) => victim.itemId) },
  {
    slot: / body\.(change\.)?(input|items)\[\]\.function_call\.call_id$/,
    rule: harmless(CLIENT_NAME, (victim) => victim.keyId),
  },
  {
    slot: / body\.messages\[\]\.(assistant\.tool_calls\[\]\.id|tool\.tool_call_id)$/,
    rule: harmless(CLIENT_NAME, (victim) => victim.callId),
  },
  { slot: / body\.user$/, rule: harmless(CLIENT_NAME, (victim) => victim.principalId) },
  {
    slot: /^(createApiKey|setBudget) .* body\.principal$/,
    rule: harmless('a user of the administrator’s own tenant', (victim) => victim.principalId),
  },
  {
    slot: /^createTenant .* body\.id$/,
    rule: harmless('only the operator gets this far', (victim) => victim.tenantId),
  },
];

export function ruleFor(operation: Operation, slot: string): Hidden | Harmless | null {
  const place = `${operation.operationId} ${operation.method} ${operation.path} ${slot}`;
  return RULES.find((each) => each.slot.test(place))?.rule ?? null;
}

const CALL = { type: 'function_call', call_id: 'c1', name: FUNCTION.name, arguments: '{}' };
const HELLO = { type: 'message', role: 'user', content: 'hello' };

/** The list of items in which the id stands at this place. */
const ITEMS: Readonly<Record<string, (id: string) => readonly object[]>> = {
  'message.id': (id) => [{ ...HELLO, id }],
  'message.content[].input_image.file_id': (file_id) => [{ ...HELLO, content: [{ type: 'input_image', file_id }] }],
  'message.content[].input_file.file_id': (file_id) => [{ ...HELLO, content: [{ type: 'input_file', file_id }] }],
  'function_call.id': (id) => [{ ...CALL, id }],
  'function_call.call_id': (call_id) => [{ ...CALL, call_id }],
  'function_call_output.id': (id) => [CALL, { type: 'function_call_output', id, call_id: 'c1', output: 'x' }],
  'function_call_output.call_id': (call_id) => [{ type: 'function_call_output', call_id, output: 'x' }],
  'function_call_output.output[].input_image.file_id': (file_id) => outputWith({ type: 'input_image', file_id }),
  'function_call_output.output[].input_file.file_id': (file_id) => outputWith({ type: 'input_file', file_id }),
  'item_reference.id': (id) => [HELLO, { type: 'item_reference', id }],
  'reasoning.id': (id) => [HELLO, { type: 'reasoning', id, summary: [] }],
  'compaction.id': (id) => [HELLO, { type: 'compaction', id, encrypted_content: 'x' }],
  'mcp_approval_request.id': (id) => [
    HELLO,
    { type: 'mcp_approval_request', id, name: 'n', arguments: '{}', server_label: 's' },
  ],
  'mcp_approval_response.id': (id) => [
    HELLO,
    { type: 'mcp_approval_response', id, approval_request_id: 'appr_1', approve: true },
  ],
  'mcp_approval_response.approval_request_id': (approval_request_id) => [
    HELLO,
    { type: 'mcp_approval_response', approval_request_id, approve: true },
  ],
  'code_interpreter_call|web_search_call|turnstone:tool_call.id': (id) => [
    HELLO,
    { type: 'turnstone:tool_call', id, call_id: 'c', name: 'n', arguments: '{}' },
  ],
};

const MESSAGES: Readonly<Record<string, (id: string) => readonly object[]>> = {
  'user.content[].file.file.file_id': (file_id) => [{ role: 'user', content: [{ type: 'file', file: { file_id } }] }],
  'assistant.tool_calls[].id': (id) => [
    { role: 'user', content: 'hello' },
    { role: 'assistant', tool_calls: [{ id, type: 'function', function: { name: FUNCTION.name, arguments: '{}' } }] },
    { role: 'tool', tool_call_id: id, content: 'x' },
  ],
  'tool.tool_call_id': (id) => [
    { role: 'user', content: 'hello' },
    { role: 'tool', tool_call_id: id, content: 'x' },
  ],
};

function outputWith(part: object): readonly object[] {
  return [CALL, { type: 'function_call_output', call_id: 'c1', output: [part] }];
}

/** A body with the id at the slot; null: nobody has said how. */
export function bodyWith(base: object, slot: string, id: string, victim: World): object | null {
  const place = slot.replace(/^body\./, '');
  if ('turns' in base) return copyOf(victim);
  if (place === 'conversation.id') return { ...base, conversation: { id } };
  if (place === 'change.tool_result.call') return { ...base, change: { tool_result: { call: id, output: 'x' } } };
  if (/^\w+$/.test(place)) return { ...base, [place]: id };
  const listed = listWith(place.replace(/^change\./, ''), id);
  if (listed === null) return null;
  return place.startsWith('change.') ? { ...base, change: listed } : { ...base, ...listed };
}

function listWith(place: string, id: string): object | null {
  const [, list, rest = ''] = /^(input|items|messages)\[\]\.(.+)$/.exec(place) ?? [];
  const made = list === 'messages' ? MESSAGES[rest]?.(id) : ITEMS[rest]?.(id);
  return list === undefined || made === undefined ? null : { [list]: made };
}

/** The victim's export as it may have come into other hands: all its ids, and none of the words that are looked for. */
function copyOf(victim: World): object {
  return JSON.parse(JSON.stringify(victim.exported).replaceAll(victim.canary, 'copied')) as object;
}
