/**
 * Encrypts every payload this process sends to Temporal, with the key of the tenant that the workflow's id names. What is not
 * encrypted is read as it is: histories from before there was a master key, and runs under ids of older versions.
 */
import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common';
import { failure } from '../../domain/failures.js';
import type { PayloadCipher } from '../../domain/ports/payload-cipher.js';
import { DEFAULT_TENANT } from '../../domain/scope.js';
import { tenantOfWorkflow } from '../../domain/workflow-ids.js';
import { decryptPayload, encryptPayload, ownerOf } from './encrypted-payload.js';

/**
 * The SDK says which workflow a payload belongs to; all but where a worker reports that a workflow task failed. Those are written for
 * the installation's own tenant and bound to no workflow: only operators read them.
 */
export function createPayloadCodec(cipher: PayloadCipher): PayloadCodec {
  return {
    encode: async (payloads, context) => {
      if (payloads.length === 0) return payloads;
      const workflowId = context?.workflowId ?? '';
      const tenantId = workflowId === '' ? DEFAULT_TENANT : tenantOfWorkflow(workflowId);
      if (tenantId === null) return payloads;
      return Promise.all(payloads.map((payload) => encryptPayload(cipher, { tenantId, workflowId }, payload)));
    },
    decode: (payloads, context) => Promise.all(payloads.map((payload) => decodeOne(cipher, payload, context))),
  };
}

async function decodeOne(
  cipher: PayloadCipher,
  payload: Payload,
  context: SerializationContext | undefined,
): Promise<Payload> {
  const owner = ownerOf(payload);
  if (owner === null) return payload;
  const opened = await decryptPayload(cipher, owner, payload);
  const workflowId = context?.workflowId;
  if (workflowId === undefined || belongsTo(opened, workflowId)) return opened.payload;
  throw failure(
    'secrets.unreadable',
    `A Temporal payload made for ${opened.workflowId === '' ? `tenant ${opened.tenantId}` : opened.workflowId} was found in ${workflowId}: it is not used there.`,
  );
}

/** A schedule's runs have the id it was made with, and the time after it. */
function belongsTo(opened: { readonly tenantId: string; readonly workflowId: string }, workflowId: string): boolean {
  if (opened.workflowId === '') return tenantOfWorkflow(workflowId) === opened.tenantId;
  return workflowId === opened.workflowId || workflowId.startsWith(`${opened.workflowId}-`);
}
