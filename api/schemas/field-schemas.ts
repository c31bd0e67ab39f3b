/** Fields that several requests share. */
import { z } from 'zod';
import type { JsonValue } from '../../domain/json.js';

const METADATA_MAX_PAIRS = 16;

/** Any JSON: bodies have been through the JSON parser and its guard, so there is nothing left to check. */
export const jsonValueSchema: z.ZodType<JsonValue> = z.any();

export const metadataSchema = z
  .record(z.string().max(64), z.string().max(512))
  .refine((value) => Object.keys(value).length <= METADATA_MAX_PAIRS, `at most ${METADATA_MAX_PAIRS} pairs`)
  .describe('Up to 16 pairs; keys of at most 64 characters, values of at most 512.');

export const flagQuerySchema = z.enum(['true', 'false']).transform((value) => value === 'true');

export const pageQuerySchema = z.object({
  after: z.string().max(128).optional().describe('The id the page starts after.'),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
});
export type PageParams = z.infer<typeof pageQuerySchema>;

/** A value official clients send that this server takes and does not need: it changes nothing about the answer. */
export const ignored = <Schema extends z.ZodType>(schema: Schema): z.ZodOptional<z.ZodNullable<Schema>> =>
  schema.nullable().optional().describe('Accepted for compatibility; changes nothing here.');

/** A field of the OpenAI API that would change the answer and that this server does not have: only null is taken. */
export const notAvailable = (instead: string): z.ZodOptional<z.ZodNull> =>
  z
    .null({ error: `not available on this server. ${instead}` })
    .optional()
    .describe(`Not available. ${instead}`);

export function toPageQuery(params: PageParams): { after: string | null; limit: number; order: 'asc' | 'desc' } {
  return { after: params.after ?? null, limit: params.limit, order: params.order };
}
