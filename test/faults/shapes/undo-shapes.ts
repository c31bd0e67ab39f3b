/** What a call did to the world is taken back: once, whatever dies on the way; or an operator stops it, and nobody knows. */
import { Client, Connection } from '@temporalio/client';
import { DEFAULT_TENANT } from '../../../domain/scope.js';
import { undoWorkflowId } from '../../../domain/undo-contract.js';
import { FAULT_KEY } from '../world/world.js';
import { ask, calls, completedWith, newPlanId, said, sendTurn, untilFound } from './shape.js';
import type { Shape, ShapeRun } from './shape.js';

interface Effect {
  readonly id: string;
  readonly undo: { readonly status: string } | null;
}

async function undoneShape(run: ShapeRun, undoMs: number, during: (effectId: string) => Promise<void>) {
  const planId = newPlanId(run);
  const steps = [{ reply: calls(planId, 'first', [{ tool: 'book', undo: undoMs }]) }, { reply: said(planId, 0) }];
  const checked = await sendTurn(run, { planId, steps, expected: completedWith(planId) });
  if (checked.stored?.status !== 'completed') return { checked, status: null };
  const { json } = await ask(run, 'GET', `/v1/responses/${checked.stored.id}/effects`);
  const [effect] = (json as { readonly data: readonly Effect[] }).data;
  if (effect === undefined) {
    run.broken(2, `no effect of ${planId} is listed`);
    return { checked, status: null };
  }
  const path = `/v1/effects/${effect.id}`;
  const askOnce = (): Promise<unknown> => fetchOnce(run, `${path}/undo`);
  await askOnce();
  await during(effect.id);
  const status = await untilFound(run, `the undo of ${effect.id}`, async () => {
    const now = (await ask(run, 'GET', path)).json as Effect;
    // Whoever was not answered asks again only where nothing was noted: what is noted is started by itself.
    if (now.undo === null) await askOnce();
    return now.undo === null || now.undo.status === 'running' ? null : now.undo.status;
  });
  return { checked, status };
}

async function fetchOnce({ apiUrl, apiKey }: ShapeRun, path: string): Promise<void> {
  const headers = { authorization: `Bearer ${apiKey ?? FAULT_KEY}` };
  const signal = AbortSignal.timeout(15_000);
  await fetch(`${apiUrl()}${path}`, { method: 'POST', headers, signal }).then(
    (response) => response.text(),
    () => null,
  );
}

export const undoShape: Shape = {
  name: 'undo',
  async run(run) {
    const { checked, status } = await undoneShape(run, 100, async () => undefined);
    if (status !== null && status !== 'undone') run.broken(2, `${checked.planId}: the undo ended ${status}`);
    return [checked];
  },
};

/** Over the heartbeat of an activity: it hears of its end. */
const STOPPED_UNDO_MS = 15_000;

export const stoppedUndoShape: Shape = {
  name: 'undo-stopped',
  async run(run) {
    const stop = (effectId: string): Promise<void> => cancelWorkflow(run, effectId);
    const { checked, status } = await undoneShape(run, STOPPED_UNDO_MS, stop);
    // It may have been done before anybody could stop it.
    if (status !== null && status !== 'undone' && status !== 'unknown')
      run.broken(2, `${checked.planId}: the undo that was stopped ended ${status}`);
    return [checked];
  },
};

async function cancelWorkflow(run: ShapeRun, effectId: string): Promise<void> {
  await untilFound(run, `the workflow of the undo of ${effectId}`, async () => {
    try {
      const { json } = await ask(run, 'GET', `/v1/effects/${effectId}`);
      if (!['running', undefined].includes((json as Effect).undo?.status)) return true;
      const connection = await Connection.connect({ address: run.temporalAddress(), connectTimeout: 2_000 });
      try {
        const id = undoWorkflowId(DEFAULT_TENANT, effectId);
        await new Client({ connection }).workflow.getHandle(id).cancel();
      } finally {
        await connection.close();
      }
      return true;
    } catch {
      // It was not started yet, or the server is on its way up again.
      return null;
    }
  });
}
