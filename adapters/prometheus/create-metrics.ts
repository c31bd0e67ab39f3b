/**
 * The product's metrics in Prometheus' text format. Labels are bounded: routes are patterns, agents, models and tools come
 * from configuration, and the number of label sets per metric is capped.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Metrics } from '../../domain/ports/metrics.js';

export interface MetricsEndpoint {
  readonly metrics: Metrics;
  text(): Promise<string>;
  readonly contentType: string;
}

/** From a millisecond (a fake or cached model) to the minutes a reasoning model may take. */
const FIRST_TOKEN_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
/** Turns run up to their wall-time limit, half an hour unless configured. */
const TURN_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];
const CANCEL_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10];
const MICROS = 1_000_000;
/** Beyond this many different values of one label, further ones are counted as `other`. */
const MAX_LABEL_VALUES = 200;

const seconds = (milliseconds: number): number => milliseconds / 1000;

/** Keeps a label whose values come from clients (`provider/anything`) from growing the process without bound. */
function createLabelGuard(): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (seen.has(value)) return value;
    if (seen.size >= MAX_LABEL_VALUES) return 'other';
    seen.add(value);
    return value;
  };
}

export function createMetrics(): MetricsEndpoint {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return { metrics: createFacts(registry), text: () => registry.metrics(), contentType: registry.contentType };
}

function createFacts(registry: Registry): Metrics {
  const http = createHttpFacts(registry);
  const turns = createTurnFacts(registry);
  const calls = createCallFacts(registry);
  return { ...http, ...turns, ...calls };
}

type HttpFacts = Pick<Metrics, 'requestFinished' | 'streamOpened' | 'streamClosed'>;
type TurnFacts = Pick<
  Metrics,
  'turnFinished' | 'firstToken' | 'stepFinished' | 'retried' | 'cancelled' | 'swept' | 'approval'
>;
type CallFacts = Pick<Metrics, 'modelCallFinished' | 'fellBack' | 'toolCallFinished'>;

interface Makers {
  counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L>;
  histogram<L extends string>(name: string, help: string, labelNames: readonly L[], buckets: number[]): Histogram<L>;
}

function makersFor(registry: Registry): Makers {
  const registers = [registry];
  return {
    counter: (name, help, labelNames) => new Counter({ name, help, labelNames: [...labelNames], registers }),
    histogram: (name, help, labelNames, buckets) =>
      new Histogram({ name, help, labelNames: [...labelNames], buckets, registers }),
  };
}

function createHttpFacts(registry: Registry): HttpFacts {
  const { histogram } = makersFor(registry);
  const requests = histogram(
    'turnstone_http_request_seconds',
    'HTTP requests by route and status.',
    ['route', 'method', 'status'],
    REQUEST_BUCKETS,
  );
  const streams = new Gauge({
    name: 'turnstone_open_streams',
    help: 'Event streams being read.',
    registers: [registry],
  });
  return {
    requestFinished: ({ route, method, status, durationMs }) =>
      requests.observe({ route, method, status: String(status) }, seconds(durationMs)),
    streamOpened: () => streams.inc(),
    streamClosed: () => streams.dec(),
  };
}

function createTurnFacts(registry: Registry): TurnFacts {
  const { counter, histogram } = makersFor(registry);
  const turns = histogram(
    'turnstone_turn_seconds',
    'Turns from acceptance to their terminal state.',
    ['agent', 'status'],
    TURN_BUCKETS,
  );
  const firstTokens = histogram(
    'turnstone_first_token_seconds',
    'From acceptance of a turn to its first output token.',
    ['agent'],
    FIRST_TOKEN_BUCKETS,
  );
  const steps = histogram('turnstone_step_seconds', 'Model steps of turns.', ['agent'], TURN_BUCKETS);
  const retries = counter('turnstone_activity_retries_total', 'Activity attempts after the first.', [
    'activity',
    'code',
  ]);
  const cancels = histogram(
    'turnstone_cancel_seconds',
    'From the request to cancel to the closed provider socket or tool.',
    [],
    CANCEL_BUCKETS,
  );
  const approvals = counter('turnstone_approvals_total', 'What happened to approvals of tool calls.', ['event']);
  const sweeps = counter('turnstone_swept_turns_total', 'Turns the sweeper restarted or settled.', ['outcome']);
  return {
    turnFinished: ({ agent, status, durationMs }) => turns.observe({ agent, status }, seconds(durationMs)),
    firstToken: ({ agent, durationMs }) => firstTokens.observe({ agent }, seconds(durationMs)),
    stepFinished: ({ agent, durationMs }) => steps.observe({ agent }, seconds(durationMs)),
    retried: ({ activity, code }) => retries.inc({ activity, code }),
    cancelled: ({ latencyMs }) => cancels.observe(seconds(latencyMs)),
    swept: ({ outcome }) => sweeps.inc({ outcome }),
    approval: ({ event }) => approvals.inc({ event }),
  };
}

function createCallFacts(registry: Registry): CallFacts {
  const { counter, histogram } = makersFor(registry);
  const models = histogram(
    'turnstone_model_call_seconds',
    'Calls to model providers by outcome.',
    ['model', 'outcome'],
    TURN_BUCKETS,
  );
  const modelFirstTokens = histogram(
    'turnstone_model_first_token_seconds',
    "From a model call's start to its first token.",
    ['model'],
    FIRST_TOKEN_BUCKETS,
  );
  const tokens = counter(
    'turnstone_tokens_total',
    'Tokens used; cached ones are part of input, reasoning ones of output.',
    ['model', 'kind'],
  );
  const cost = counter('turnstone_cost_total', 'Cost of model calls with a known price, in units of the price list.', [
    'model',
  ]);
  const fallbacks = counter('turnstone_model_fallbacks_total', 'Calls handed to the next model of a chain.', [
    'from',
    'to',
    'code',
  ]);
  const tools = histogram('turnstone_tool_call_seconds', 'Tool calls by outcome.', ['tool', 'outcome'], TURN_BUCKETS);
  const modelLabel = createLabelGuard();
  const toolLabel = createLabelGuard();
  return {
    modelCallFinished: (fact) => {
      const model = modelLabel(fact.model);
      models.observe({ model, outcome: fact.outcome }, seconds(fact.durationMs));
      if (fact.firstTokenMs !== null) modelFirstTokens.observe({ model }, seconds(fact.firstTokenMs));
      tokens.inc({ model, kind: 'input' }, fact.usage.inputTokens);
      tokens.inc({ model, kind: 'cached' }, fact.usage.cachedTokens);
      tokens.inc({ model, kind: 'output' }, fact.usage.outputTokens);
      tokens.inc({ model, kind: 'reasoning' }, fact.usage.reasoningTokens);
      if (fact.costMicros !== null) cost.inc({ model }, fact.costMicros / MICROS);
    },
    fellBack: ({ from, to, code }) => fallbacks.inc({ from: modelLabel(from), to: modelLabel(to), code }),
    toolCallFinished: ({ tool, outcome, durationMs }) =>
      tools.observe({ tool: toolLabel(tool), outcome }, seconds(durationMs)),
  };
}
