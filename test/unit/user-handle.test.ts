/** Proves that Temporal is not told who a user is, and that an operator can still find their turns. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { userHandle } from '../../domain/user-handle.js';

it('a handle: the documented hash, the same each time, another in another tenant', async () => {
  const handle = await userHandle('acme', 'ada@example.com');
  // As docs/operators.md says it for a shell.
  const hash = createHash('sha256').update('turnstone user\nacme\nada@example.com').digest('hex');
  expect(handle).toBe(hash.slice(0, 32));
  expect(await userHandle('acme', 'ada@example.com')).toBe(handle);
  expect(await userHandle('rivals', 'ada@example.com')).not.toBe(handle);
});
