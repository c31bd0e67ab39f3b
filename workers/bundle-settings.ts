/** How the workflows of this configuration are bundled. */
import type { Config } from '../adapters/config/load-config.js';
import { FAILURE_CONVERTER_PATH } from '../adapters/temporal/data-converter.js';
import { hasMasterKey } from './open-secrets.js';

/** Where payloads are encrypted, what a workflow says of its failures is one of them. */
export function bundleSettings(config: Config): { readonly failureConverterPath?: string } {
  return hasMasterKey(config) ? { failureConverterPath: FAILURE_CONVERTER_PATH } : {};
}
