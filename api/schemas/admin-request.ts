/** Bodies of the key administration routes. */
import { z } from 'zod';
import { keyScopeSchema, principalIdSchema } from '../../domain/scope.js';
import { closedObject } from './closed-object.js';

export const keyCreateSchema = closedObject({
  name: z.string().trim().min(1).max(100),
  scopes: z.array(keyScopeSchema).min(1).max(3).default(['read', 'write']),
  principal: principalIdSchema.optional().describe('Whom the key acts for; the caller’s own principal when left out.'),
  expires_at: z.int().min(0).nullish().describe('Seconds since the epoch; null or absent: never.'),
}).meta({ id: 'ApiKeyCreate', example: { name: 'laptop', scopes: ['read', 'write'] } });
