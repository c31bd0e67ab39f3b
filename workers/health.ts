/** The state of every part, for `/healthz`, `/readyz` and `doctor`. Each check has its own time limit. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ComponentHealth, HealthReport } from '../api/api-deps.js';
import { toError } from '../domain/failures.js';
import type { ModelRegistry } from '../domain/ports/model.js';
import type { PythonRunner } from '../domain/ports/tool-runtime.js';
import type { TurnEngine } from '../domain/ports/turn-engine.js';

export interface HealthDeps {
  readonly database: { readonly description: string; ping(): Promise<void> };
  readonly engine: TurnEngine;
  readonly worker: { isRunning(): boolean; describe(): Promise<string> } | null;
  readonly models: ModelRegistry;
  readonly python: PythonRunner;
}

const CHECK_TIMEOUT_MS = 2_000;
/** Probes come every few seconds from several sides; one round of checks serves them all. */
const CACHE_MS = 1_000;

export function createHealth(deps: HealthDeps): () => Promise<HealthReport> {
  let cached: { readonly report: Promise<HealthReport>; readonly at: number } | null = null;
  return () => {
    if (cached === null || Date.now() - cached.at > CACHE_MS) cached = { report: check(deps), at: Date.now() };
    return cached.report;
  };
}

async function check(deps: HealthDeps): Promise<HealthReport> {
  const [database, temporal, worker] = await Promise.all([
    timed(async () => {
      await deps.database.ping();
      return deps.database.description;
    }),
    timed(async () => `server ${(await deps.engine.ping()).version}`),
    deps.worker === null ? null : workerHealth(deps.worker),
  ]);
  const components = {
    database,
    temporal,
    ...(worker === null ? {} : { worker }),
    models: modelHealth(deps.models),
    python: pythonHealth(deps.python),
  };
  const needed = [database, temporal, ...(worker === null ? [] : [worker])];
  const isDown = needed.some((component) => component.state === 'down');
  const isDegraded = Object.values(components).some((component) => component.state !== 'ok');
  return { state: isDown ? 'down' : isDegraded ? 'degraded' : 'ok', components };
}

/** Which build it is of is for people: a Temporal that cannot say which one is current is the other part's finding. */
async function workerHealth(worker: NonNullable<HealthDeps['worker']>): Promise<ComponentHealth> {
  if (!worker.isRunning())
    return { state: 'down', latencyMs: null, detail: 'the turn worker does not poll; restart the server' };
  return { ...(await timed(() => worker.describe())), state: 'ok', latencyMs: null };
}

async function timed(probe: () => Promise<string>): Promise<ComponentHealth> {
  const startedAt = performance.now();
  const over = new AbortController();
  const late = sleep(CHECK_TIMEOUT_MS, null, { signal: over.signal }).catch(() => null); // Aborted: the probe was faster.
  try {
    const detail = await Promise.race([probe(), late]);
    if (detail === null)
      return { state: 'down', latencyMs: null, detail: `no answer within ${CHECK_TIMEOUT_MS / 1000} s` };
    return { state: 'ok', latencyMs: Math.round((performance.now() - startedAt) * 10) / 10, detail };
  } catch (error) {
    return { state: 'down', latencyMs: null, detail: toError(error).message };
  } finally {
    over.abort();
  }
}

function modelHealth(models: ModelRegistry): ComponentHealth {
  const providers = models.health();
  const resting = providers.filter((provider) => provider.circuit === 'open').map((provider) => provider.provider);
  if (resting.length > 0)
    return { state: 'degraded', latencyMs: null, detail: `resting after failures: ${resting.join(', ')}` };
  const names = providers.map((provider) => provider.provider);
  return { state: 'ok', latencyMs: null, detail: names.length === 0 ? 'scripted demo only' : names.join(', ') };
}

/** Without Python turns still run; a runner that is still preparing is on its way. */
function pythonHealth(python: PythonRunner): ComponentHealth {
  const { state, detail } = python.status();
  return { state: state === 'unavailable' ? 'degraded' : 'ok', latencyMs: null, detail };
}
