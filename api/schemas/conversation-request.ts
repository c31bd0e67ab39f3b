/** Bodies and queries of the conversation routes. */
import { z } from 'zod';
import { inputItemSchema } from '../../domain/item.js';
import { closedObject } from './closed-object.js';
import { metadataSchema, pageQuerySchema } from './field-schemas.js';

const titleSchema = z.string().trim().min(1).max(300);

export const conversationCreateSchema = closedObject({
  items: z.array(inputItemSchema).max(100).nullish().describe('Items the conversation begins with.'),
  metadata: metadataSchema.nullish(),
  title: titleSchema.nullish(),
}).meta({ id: 'ConversationCreate', example: { title: 'Primes', metadata: { topic: 'maths' } } });

export const conversationUpdateSchema = closedObject({
  metadata: metadataSchema.nullish(),
  title: titleSchema.nullish().describe('Null takes the title away.'),
  archived: z.boolean().optional(),
}).meta({ id: 'ConversationUpdate', example: { title: 'Prime numbers' } });

export const conversationListQuerySchema = pageQuerySchema.extend({
  q: z.string().trim().min(1).max(1000).optional().describe('Full-text search: "exact phrase", -not, or.'),
  archived: z.enum(['true', 'false', 'any']).default('false'),
});

export const itemsCreateSchema = closedObject({ items: z.array(inputItemSchema).min(1).max(100) }).meta({
  id: 'ConversationItemsCreate',
  example: { items: [{ type: 'message', role: 'user', content: 'A note to remember' }] },
});

export const archiveSchema = closedObject({ archived: z.boolean().default(true) }).meta({
  id: 'ConversationArchive',
  example: { archived: true },
});
