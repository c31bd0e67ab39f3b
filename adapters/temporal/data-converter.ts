/** How this process's client and worker write to Temporal when there is a master key. */
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import type { PayloadCipher } from '../../domain/ports/payload-cipher.js';
import { createPayloadCodec } from './payload-codec.js';

/** Workflow bundles are built with it too: failures of workflows are made inside. */
export const FAILURE_CONVERTER_PATH = fileURLToPath(new URL('./encoded-failures.cjs', import.meta.url));

export function createDataConverter(cipher: PayloadCipher): DataConverter {
  return { payloadCodecs: [createPayloadCodec(cipher)], failureConverterPath: FAILURE_CONVERTER_PATH };
}
