/** Where tests keep what is costly to get and the same for all of them: the Temporal program, bundles, an empty database. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** Downloads are shared by all tests, and kept: the Temporal program is 150 MB. */
export const TEST_CACHE_DIR = process.env['TURNSTONE_CACHE_DIR'] ?? join(REPOSITORY, '.cache');
