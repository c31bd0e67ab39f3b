/**
 * Several processes of one installation, on one PostgreSQL and one Temporal: a server that accepts turns, and processes of the
 * role `background` whose sweepers look for the same turns at the same time. The server dies between accepting a turn and
 * starting its workflow; whoever is left starts it, once; a server on another port takes over and the turn ends.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { postgresBinaries, startPostgres } from '../../support/postgres-server.js';
import { runProduct } from '../../support/product-process.js';
import type { ProductProcess } from '../../support/product-process.js';
import { startTemporalServer } from '../../support/temporal-server.js';
import { until } from '../../support/until.js';
import { auditWorld } from '../checker/audit-world.js';
import { checkTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import type { CaseContext, CaseResult, FaultCase } from '../fault-case.js';
import { calls, completedWith, readTurn, said } from '../shapes/shape.js';
import { messageWith } from '../world/turn-plan.js';
import { shapeRunOf } from '../world/shape-run.js';
import { FAULT_KEY, crashFile, createWorld } from '../world/world.js';
import type { World } from '../world/world.js';

const BACKGROUND = 2;
const TURNS = 6;
const TURN_TIMEOUT_MS = 120_000;
const STARTED_WITHIN_MS = 60_000;

export const processesCase: FaultCase = {
  name: 'processes',
  proves:
    'several processes on one database: sweepers that contend for what a dead server left, and a server that takes over',
  async run(context: CaseContext): Promise<CaseResult> {
    const none = { passed: 0, failed: [], figures: {} };
    const binaries = postgresBinaries();
    if (binaries === null) return { ...none, skipped: ['several processes: there is no PostgreSQL on this machine'] };
    const folder = mkdtempSync(join(tmpdir(), 'turnstone-faults-processes-'));
    const database = await startPostgres(binaries);
    const temporal = await startTemporalServer(folder);
    const shared = { DATABASE_URL: database.url, TEMPORAL_ADDRESS: temporal.address };
    const world = await createWorld({ env: shared });
    const others: ProductProcess[] = [];
    try {
      await world.start();
      const cleanUps: (() => Promise<void>)[] = [];
      for (let number = 1; number <= BACKGROUND; number += 1) {
        const env = { ...world.environment(), ...shared, TURNSTONE_ROLES: 'background', CRASH_AT: '@/nowhere' };
        others.push(runProduct(join(folder, `background-${number}`), { env, onEnd: (end) => cleanUps.push(end) }));
      }
      const violations = await takeOver(world, others, temporal.address, context);
      for (const other of others) other.signalGroup('SIGTERM');
      await Promise.all(others.map(({ ended }) => ended));
      const { port } = new URL(database.url);
      const audit = await auditWorld(world, {
        inFlight: TURNS,
        temporalAddress: temporal.address,
        databaseUrl: `postgres://postgres@127.0.0.1:${port}/turnstone`,
      });
      const all = [...violations, ...audit.violations];
      for (const end of cleanUps) await end();
      return {
        passed: all.length === 0 ? TURNS : 0,
        failed: all.length === 0 ? [] : [{ what: 'several processes', violations: all }],
        skipped: [],
        figures: { 'histories replayed': audit.figures.replayed },
      };
    } finally {
      for (const other of others) other.kill('SIGKILL');
      await world.dispose();
      await temporal.stop();
      await database.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function takeOver(
  world: World,
  others: readonly ProductProcess[],
  temporalAddress: string,
  context: CaseContext,
): Promise<readonly Violation[]> {
  const found: Violation[] = [];
  await until(() => others.every((other) => other.screen().includes('Ctrl-C stops')), 'the others are ready', 60_000);
  const accepted: { readonly planId: string; readonly id: string }[] = [];
  for (let number = 1; number < TURNS; number += 1) accepted.push(await accept(world, `plan-processes-${number}`));
  // The last is accepted, and its workflow not started: nobody is told its id, and the key finds it again.
  const planId = `plan-processes-${TURNS}`;
  writeFileSync(crashFile(world.folder), 'engine.start.before#1');
  const lost = await accept(world, planId).catch(() => null);
  await world.product().ended;
  rmSync(crashFile(world.folder), { force: true });
  context.say('the server died with turns open; nobody else accepts any');
  if (lost !== null) accepted.push(lost);
  const starts = await startedBySweepers(
    accepted.map(({ id }) => id),
    temporalAddress,
  );
  found.push(...starts);
  context.say(`their workflows were there while no server was: ${starts.length === 0 ? 'held' : 'BROKEN'}`);
  await world.start();
  if (lost === null) accepted.push(await accept(world, planId));
  for (const { planId: plan, id } of accepted) {
    const run = shapeRunOf(world, { tag: 'processes', nextNumber: () => 0, timeoutMs: TURN_TIMEOUT_MS, broken: found });
    found.push(...checkTurn(await readTurn(run, id, { planId: plan, expected: completedWith(plan) })));
  }
  return found;
}

async function accept(world: World, planId: string): Promise<{ readonly planId: string; readonly id: string }> {
  const steps = [{ reply: calls(planId, 'first', [{ tool: 'book', after: 400 }]) }, { reply: said(planId, 400) }];
  const response = await fetch(`${world.apiUrl()}/v1/responses`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${FAULT_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': `key-of-${planId}`,
    },
    body: JSON.stringify({ model: 'faulty', input: messageWith({ id: planId, steps }), background: true }),
    signal: AbortSignal.timeout(15_000),
  });
  const { id } = (await response.json()) as { readonly id: string };
  return { planId, id };
}

/** Every open turn has its workflow although no server runs: one of the sweepers started it. */
async function startedBySweepers(ids: readonly string[], address: string): Promise<readonly Violation[]> {
  const connection = await Connection.connect({ address });
  try {
    const { workflow } = new Client({ connection });
    const missing = new Set(ids);
    const deadline = Date.now() + STARTED_WITHIN_MS;
    while (missing.size > 0 && Date.now() < deadline) {
      const { executions } = await workflow.workflowService.listWorkflowExecutions({
        namespace: 'default',
        pageSize: 200,
      });
      for (const { execution } of executions) {
        for (const id of missing) if (execution?.workflowId?.includes(id) === true) missing.delete(id);
      }
      if (missing.size > 0) await new Promise((resolve) => setTimeout(resolve, 500));
    }
    return [...missing].map((id) => ({ inv: 10, where: id, what: 'no sweeper started its workflow' }));
  } finally {
    await connection.close();
  }
}
