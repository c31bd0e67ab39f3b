/** Bodies of the codec endpoints: the protocol of Temporal's remote codecs. Tolerant: its senders are Temporal's own tools. */
import { z } from 'zod';

const base64 = z.string().regex(/^[A-Za-z0-9+/_-]*={0,2}$/, 'base64');

const payloadSchema = z.object({
  metadata: z.record(z.string().max(200), base64).optional(),
  data: base64.optional(),
});

export const payloadsSchema = z
  .object({ payloads: z.array(payloadSchema).max(1_000).default([]) })
  .meta({ id: 'TemporalPayloads' });
