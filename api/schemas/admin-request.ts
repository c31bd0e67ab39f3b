/** Bodies and queries of the administration of keys, users and tenants. */
import { z } from 'zod';
import { keyScopeSchema, principalIdSchema, tenantIdSchema } from '../../domain/scope.js';
import { closedObject } from './closed-object.js';

export const keyCreateSchema = closedObject({
  name: z.string().trim().min(1).max(100),
  scopes: z.array(keyScopeSchema).min(1).max(3).default(['read', 'write']),
  principal: principalIdSchema.optional().describe('Whom the key acts for; the caller’s own principal when left out.'),
  expires_at: z.int().min(0).nullish().describe('Seconds since the epoch; null or absent: never.'),
}).meta({ id: 'ApiKeyCreate', example: { name: 'laptop', scopes: ['read', 'write'] } });

export const tenantCreateSchema = closedObject({
  id: tenantIdSchema.describe('Stays for ever: rows, files and keys are filed under it.'),
  name: z.string().trim().min(1).max(100),
  admin: principalIdSchema.default('admin').describe('Whom the first key, with the scope `admin`, acts for.'),
}).meta({ id: 'TenantCreate', example: { id: 'acme', name: 'Acme Ltd' } });

export const adminPageQuerySchema = z.object({
  after: z.string().max(128).optional().describe('The id the page starts after; a page holds up to 1,000.'),
});
