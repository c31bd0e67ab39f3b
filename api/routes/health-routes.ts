/** Probes and metrics. Open: they say nothing about anyone's content. */
import type { ApiDeps, HealthReport } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { healthSchema } from '../schemas/answer-schemas.js';
import { z } from 'zod';

const TAG = 'Operation';
const aliveSchema = z.object({ state: z.string() }).meta({ id: 'Alive' });

function toHealthObject(report: HealthReport, version: string): object {
  const components = Object.entries(report.components).map(([name, { state, latencyMs, detail }]) => [
    name,
    { state, latency_ms: latencyMs, ...(detail === undefined ? {} : { detail }) },
  ]);
  return { state: report.state, version, components: Object.fromEntries(components) as object };
}

export function createHealthRoutes(deps: ApiDeps): readonly ApiRoute[] {
  const probe = { method: 'get', tag: TAG, scope: null } as const;
  return [
    defineRoute({
      ...probe,
      path: '/livez',
      operationId: 'livez',
      summary: 'Is the process alive?',
      answers: { 200: { description: 'Yes', schema: aliveSchema } },
      handle({ res }) {
        res.json({ state: 'ok' });
      },
    }),
    defineRoute({
      ...probe,
      path: '/readyz',
      operationId: 'readyz',
      summary: 'Can it take work?',
      answers: {
        200: { description: 'Yes', schema: aliveSchema },
        503: { description: 'Not now: draining, or a needed part is down', schema: aliveSchema },
      },
      async handle({ res }) {
        const state = deps.isDraining() ? 'draining' : (await deps.health()).state;
        res.status(state === 'draining' || state === 'down' ? 503 : 200).json({ state });
      },
    }),
    defineRoute({
      ...probe,
      path: '/healthz',
      operationId: 'healthz',
      summary: 'State of each part, with latency',
      answers: {
        200: { description: 'Usable', schema: healthSchema },
        503: { description: 'A needed part is down', schema: healthSchema },
      },
      async handle({ res }) {
        const report = await deps.health();
        res.status(report.state === 'down' ? 503 : 200).json(toHealthObject(report, deps.version));
      },
    }),
    defineRoute({
      ...probe,
      path: '/metrics',
      operationId: 'metrics',
      summary: 'Metrics in the Prometheus text format',
      answers: { 200: { description: 'Metrics', contentType: 'text/plain' } },
      async handle({ res }) {
        const text = await deps.metricsText.text();
        res.setHeader('Content-Type', deps.metricsText.contentType);
        res.end(text);
      },
    }),
  ];
}
