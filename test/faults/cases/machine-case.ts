/**
 * The machine under the product: a disk that is full and is freed again (a small file system in memory, which takes root),
 * and a clock that jumps (libfaketime). What cannot be tried here is said.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditWorld } from '../checker/audit-world.js';
import { checkTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import type { CaseContext, CaseResult, FaultCase } from '../fault-case.js';
import { TURN_SHAPES } from '../shapes/turn-shapes.js';
import { shapeRunOf } from '../world/shape-run.js';
import { FAULT_KEY, createWorld } from '../world/world.js';
import type { World } from '../world/world.js';

/** The embedded database and Temporal start with about 100 MB. */
const DISK_MB = 320;
const LEAVE_BYTES = 64 * 1024;
const TURN_TIMEOUT_MS = 120_000;
const CLOCK_JUMPS = ['+1h', '-1h', '+1d'] as const;

export const machineCase: FaultCase = {
  name: 'machine',
  proves: 'a full disk and a clock that jumps',
  async run(context: CaseContext): Promise<CaseResult> {
    const results = [await fullDisk(context), await clockJumps(context)];
    return {
      passed: results.reduce((sum, { passed }) => sum + passed, 0),
      failed: results.flatMap(({ failed }) => failed),
      skipped: results.flatMap(({ skipped }) => skipped),
      figures: {},
    };
  },
};

const skippedBecause = (why: string): CaseResult => ({ passed: 0, failed: [], skipped: [why], figures: {} });

async function fullDisk(context: CaseContext): Promise<CaseResult> {
  const parent = mkdtempSync(join(tmpdir(), 'turnstone-faults-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', parent], { stdio: 'pipe' });
  } catch {
    rmSync(parent, { recursive: true, force: true });
    return skippedBecause('full disk: a small file system cannot be mounted here (needs root)');
  }
  try {
    const world = await createWorld({ parent });
    try {
      return await fillAndFree(world, context);
    } finally {
      await world.dispose();
    }
  } finally {
    execFileSync('umount', [parent]);
    rmSync(parent, { recursive: true, force: true });
  }
}

async function fillAndFree(world: World, context: CaseContext): Promise<CaseResult> {
  await world.start();
  const violations: Violation[] = [...(await turnsOf(world, 'before'))];
  const filler = join(world.folder, '..', 'filler');
  const { bavail, bsize } = statfsSync(world.folder);
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - LEAVE_BYTES)));
  context.say('the disk is full');
  const refused = await manyPosts(world);
  const strange = refused.filter((status) => status !== 0 && status !== 200 && status < 500);
  if (strange.length > 0) violations.push({ inv: 1, where: 'full disk', what: `answered with ${strange.join(', ')}` });
  context.say(`answers while it is full: ${[...new Set(refused)].join(', ')}`);
  unlinkSync(filler);
  context.say('the disk is free again');
  // Whether it died of it or not: the folder opens, and everything that was accepted is answered.
  await world.kill();
  await world.start();
  violations.push(...(await turnsOf(world, 'after')));
  const audit = await auditWorld(world, { inFlight: refused.length });
  violations.push(...audit.violations);
  return violations.length === 0
    ? { passed: 1, failed: [], skipped: [], figures: {} }
    : { passed: 0, failed: [{ what: 'full disk', violations }], skipped: [], figures: {} };
}

async function turnsOf(world: World, tag: string): Promise<readonly Violation[]> {
  let number = 0;
  const found: Violation[] = [];
  const nextNumber = (): number => (number += 1);
  const run = shapeRunOf(world, { tag, nextNumber, timeoutMs: TURN_TIMEOUT_MS, broken: found });
  for (const shape of TURN_SHAPES.slice(0, 4)) found.push(...(await shape.run(run)).flatMap(checkTurn));
  return found;
}

/** @returns statuses; 0 where there was no answer. */
async function manyPosts(world: World): Promise<readonly number[]> {
  const body = JSON.stringify({ model: 'faulty', input: 'x'.repeat(200_000), background: true });
  const headers = { authorization: `Bearer ${FAULT_KEY}`, 'content-type': 'application/json' };
  const statuses: number[] = [];
  for (let sent = 0; sent < 20; sent += 1) {
    const status = await fetch(`${world.apiUrl()}/v1/responses`, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(15_000),
    }).then(
      async (response) => {
        await response.text();
        return response.status;
      },
      () => 0,
    );
    statuses.push(status);
  }
  return statuses;
}

/** Debian's package puts it below the folder of the architecture. */
function findFakeTime(): string | null {
  const roots = [
    '/usr/lib',
    ...(existsSync('/usr/lib') ? readdirSync('/usr/lib').map((name) => `/usr/lib/${name}`) : []),
  ];
  const found = roots.map((root) => join(root, 'faketime', 'libfaketime.so.1')).find((path) => existsSync(path));
  return found ?? null;
}

async function clockJumps(context: CaseContext): Promise<CaseResult> {
  const library = findFakeTime();
  if (library === null) return skippedBecause('clock jumps: libfaketime is not installed (Debian: faketime)');
  const world = await createWorld();
  const failed: { what: string; violations: readonly Violation[] }[] = [];
  try {
    const clock = join(world.folder, 'clock');
    writeFileSync(clock, '+0');
    await world.start({
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_CACHE_DURATION: '1',
      // Timers go on: it is the wall clock that jumps.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    });
    for (const jump of CLOCK_JUMPS) {
      const running = turnsOf(world, `clock${jump.replace(/\W/g, '')}`);
      writeFileSync(clock, jump);
      const violations = await running;
      context.say(`the clock jumped to ${jump}: ${violations.length === 0 ? 'held' : 'BROKEN'}`);
      if (violations.length > 0) failed.push({ what: `clock ${jump}`, violations });
    }
    const audit = await auditWorld(world, { inFlight: 0 });
    if (audit.violations.length > 0) failed.push({ what: 'what was left behind', violations: audit.violations });
    return { passed: CLOCK_JUMPS.length - failed.length, failed, skipped: [], figures: {} };
  } finally {
    await world.dispose();
  }
}
