/**
 * Row 52 of the matrix: a provider that is down for as long as anybody looks, before one that answers. Its circuit opens after a
 * few failures, and from then on it is asked by a probe now and then; the turns are answered by the other.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import { completedWith, said, sendTurn } from '../shapes/shape.js';
import { shapeRunOf } from '../world/shape-run.js';
import type { World, WorldOptions } from '../world/world.js';

export const DOWN = '52 down for as long as anybody looks, another one healthy';

const TURNS = 60;
const AT_ONCE = 6;
const TURN_TIMEOUT_MS = 60_000;
/** The product's default. */
const BREAKER_FAILURES = 5;
const OPEN_MS = 15_000;

export interface DownProvider {
  readonly options: Pick<WorldOptions, 'providers' | 'config'>;
  /** How often it was asked. */
  asked(): number;
  close(): Promise<void>;
}

export async function startDownProvider(): Promise<DownProvider> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    request.resume();
    response.writeHead(503, { 'content-type': 'application/json' }).end('{"error": {"message": "down"}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const providers = `  - name: down
    base_url: http://127.0.0.1:${port}/v1
    api_key: a-key-of-no-worth
    models:
      - name: model
        prices: { input_per_million_micros: 1000000, output_per_million_micros: 2000000 }`;
  const config = 'fallbacks:\n  - name: chained\n    models: [down/model, fake/model]';
  return {
    options: { providers, config },
    asked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export async function fallBack(world: World, down: DownProvider): Promise<readonly Violation[]> {
  const found: Violation[] = [];
  const startedMs = Date.now();
  let number = 0;
  const lane = async (): Promise<void> => {
    while (number < TURNS) {
      number += 1;
      const planId = `plan-fallback-${number}`;
      const run = shapeRunOf(world, {
        tag: 'fallback',
        nextNumber: () => 0,
        timeoutMs: TURN_TIMEOUT_MS,
        broken: found,
      });
      const steps = [{ reply: said(planId, 0) }];
      const sent = { planId, steps, body: { model: 'chained' }, expected: completedWith(planId) };
      found.push(...checkTurn(await sendTurn(run, sent)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  // Those that were under way when it opened count too, and a probe each time it may close.
  const most = BREAKER_FAILURES + AT_ONCE - 1 + Math.ceil((Date.now() - startedMs) / OPEN_MS);
  if (down.asked() > most)
    found.push({
      inv: 5,
      where: DOWN,
      what: `it was asked ${down.asked()} times in ${TURNS} turns, at most ${most} expected`,
    });
  if (down.asked() === 0) found.push({ inv: 5, where: DOWN, what: 'it was never asked' });
  return found;
}
