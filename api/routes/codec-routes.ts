/** `/codec`: Temporal payloads in clear for the Temporal UI and CLI. Every decode is in the audit trail before it is answered. */
import { failure } from '../../domain/failures.js';
import type { AuditAction } from '../../domain/audit.js';
import type { DecodedPayload } from '../../domain/ports/operator-codec.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute, RouteCall } from '../api-route.js';
import { bearerCaller, mayReadAllTenants, pathCaller } from '../codec-access.js';
import type { CodecDeps } from '../codec-access.js';
import { payloadsSchema } from '../schemas/codec-request.js';

const TAG = 'Temporal codec';
/** Names of namespaces are short; the header is anybody's text. */
const NAMESPACE = /^[\w.-]{1,200}$/;

type CodecCall = RouteCall<{ readonly payloads: Parameters<CodecDeps['codec']['decode']>[0] }, unknown>;

function requireCodec({ codec }: ApiDeps): CodecDeps {
  if (codec !== null) return codec;
  throw failure(
    'secrets.unavailable',
    'This server has no master key, so its Temporal payloads are not encrypted: there is nothing to decode.',
  );
}

function namespaceOf({ req }: CodecCall): string {
  const sent = req.header('x-namespace') ?? '';
  return NAMESPACE.test(sent) ? sent : '';
}

async function note(
  deps: ApiDeps,
  call: CodecCall,
  entry: { tenantId: string; action: AuditAction; subject: string; payloads: number },
): Promise<void> {
  const { tenantId, action, subject, payloads } = entry;
  await deps.audit.append(tenantId, {
    principalId: call.caller.scope.principalId,
    action,
    subject,
    details: { namespace: namespaceOf(call), payloads, key: call.caller.keyId },
    requestId: call.context.requestId,
  });
}

/** How many payloads of which workflow were opened: one entry each. */
function countByWorkflow(
  decoded: readonly DecodedPayload[],
): readonly { tenantId: string; subject: string; payloads: number }[] {
  const counts = new Map<string, { tenantId: string; subject: string; payloads: number }>();
  for (const { opened } of decoded) {
    if (opened === null) continue;
    const key = `${opened.tenantId}\0${opened.workflowId}`;
    const known = counts.get(key) ?? { tenantId: opened.tenantId, subject: opened.workflowId, payloads: 0 };
    counts.set(key, { ...known, payloads: known.payloads + 1 });
  }
  return [...counts.values()];
}

async function decode(deps: ApiDeps, call: CodecCall): Promise<void> {
  const { codec } = requireCodec(deps);
  const { caller, body, res } = call;
  const mayRead = (tenantId: string): boolean => mayReadAllTenants(caller) || tenantId === caller.scope.tenantId;
  const decoded = await codec.decode(body.payloads, mayRead);
  for (const each of countByWorkflow(decoded)) await note(deps, call, { ...each, action: 'payloads.decoded' });
  res.setHeader('Cache-Control', 'no-store');
  res.json({ payloads: decoded.map(({ payload }) => payload) });
}

async function encode(deps: ApiDeps, call: CodecCall): Promise<void> {
  const { codec } = requireCodec(deps);
  const { tenantId } = call.caller.scope;
  const payloads = await codec.encode(tenantId, call.body.payloads);
  await note(deps, call, { tenantId, action: 'payloads.encoded', subject: '', payloads: payloads.length });
  call.res.json({ payloads });
}

const common = {
  method: 'post',
  tag: TAG,
  scope: 'admin',
  body: payloadsSchema,
  answers: { 200: { description: 'The payloads, in order', schema: payloadsSchema } },
} as const;

export function createCodecRoutes(deps: ApiDeps): readonly ApiRoute[] {
  const byBearer = (req: Parameters<typeof bearerCaller>[1]): ReturnType<typeof bearerCaller> =>
    bearerCaller(deps.codec, req);
  const byPath = (req: Parameters<typeof pathCaller>[1]): ReturnType<typeof pathCaller> => pathCaller(deps.codec, req);
  const describe = (what: string): string =>
    `The protocol of Temporal’s remote codecs: give \`<this server>/codec\` to the Temporal UI or CLI as codec endpoint. ${what}`;
  return [
    defineRoute({
      ...common,
      path: '/codec/decode',
      operationId: 'decodePayloads',
      summary: 'Decrypt Temporal payloads',
      description: describe(
        'With an admin key, payloads of its tenant; with the codec token, of all. Others come back as they are. Each decode is in the audit trail.',
      ),
      insteadOfKey: byBearer,
      handle: (call) => decode(deps, call),
    }),
    defineRoute({
      ...common,
      path: '/codec/encode',
      operationId: 'encodePayloads',
      summary: 'Encrypt Temporal payloads',
      description: describe('Encrypted for the tenant of the key.'),
      insteadOfKey: byBearer,
      handle: (call) => encode(deps, call),
    }),
    defineRoute({
      ...common,
      path: '/codec/ui/{token}/decode',
      operationId: 'decodePayloadsForUi',
      summary: 'Decrypt Temporal payloads for the embedded Temporal UI',
      description:
        'The token in the path is made anew at each start and is given to the embedded UI alone; it stands for a key.',
      insteadOfKey: byPath,
      handle: (call) => decode(deps, call),
    }),
  ];
}
