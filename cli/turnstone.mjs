#!/usr/bin/env node
// The `turnstone` command. Plain JavaScript without imports of packages: it must be able to say what is missing.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NODE_FLOOR = [20, 19];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor < NODE_FLOOR[1])) {
  process.stderr.write(
    `Turnstone needs Node.js ${NODE_FLOOR.join('.')} or later, this is ${process.versions.node}. Install a newer one: https://nodejs.org\n`,
  );
  process.exit(1);
}

const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(`${root}node_modules/tsx`)) {
  process.stderr.write(`The packages are not installed. Run this first:\n  cd ${root} && npm ci\n`);
  process.exit(1);
}

const { register } = await import('tsx/esm/api');
register();
const { runCli } = await import('./main.ts');
await runCli(process.argv, process.env);
