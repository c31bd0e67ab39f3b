/** The audit trail and encryption keys: queries and answers. */
import { z } from 'zod';

export const auditQuerySchema = z.object({
  after: z.coerce.number().int().min(0).optional().describe('The number the page starts after.'),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
});

const auditEntrySchema = z
  .object({
    id: z.string(),
    object: z.literal('audit_entry'),
    number: z.int(),
    created_at: z.int(),
    principal: z.string(),
    action: z.string(),
    subject: z.string(),
    details: z.record(z.string(), z.unknown()),
    request_id: z.string(),
    previous_hash: z.string(),
    hash: z.string(),
  })
  .meta({ id: 'AuditEntry' });

export const auditListSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(auditEntrySchema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'AuditList' });

export const auditCheckSchema = z
  .object({
    object: z.literal('audit_check'),
    entries: z.int(),
    broken_at: z.int().nullable().describe('The first entry that was changed or is missing; null: the chain is whole.'),
    last_hash: z.string().describe('Write it down elsewhere: it proves later that nothing was cut off the end.'),
  })
  .meta({ id: 'AuditCheck' });

export const rotatedKeySchema = z
  .object({ id: z.string(), object: z.literal('encryption_key') })
  .meta({ id: 'EncryptionKey' });
