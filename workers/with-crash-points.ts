/**
 * Decorates the opened parts with crash points, where a fault test asked for them: every store of `Store` whatever its
 * name, the engine, the event log, providers, tools and activities. A store that is added to `Store` is decorated too.
 */
import { createCrashPoints } from '../adapters/faults/crash-points.js';
import type { CrashPoints } from '../adapters/faults/crash-points.js';
import type { Config } from '../adapters/config/load-config.js';
import type { LanguageModel, ModelChunk, ModelRegistry } from '../domain/ports/model.js';
import type { Tool } from '../domain/ports/tool-runtime.js';

export interface CrashDecorators {
  /** Every object among the values is a port: `store.turns` gets the points `turns.<method>.before` and `.after`. */
  ports<T extends object>(ports: T): T;
  port<T extends object>(part: string, port: T): T;
  models(registry: ModelRegistry): ModelRegistry;
  tools(tools: readonly Tool[]): readonly Tool[];
}

/** What it is in every process that serves anybody: nothing. */
const NONE: CrashDecorators = {
  ports: (ports) => ports,
  port: (_part, port) => port,
  models: (registry) => registry,
  tools: (tools) => tools,
};

export function crashDecorators({ crash }: Pick<Config, 'crash'>): CrashDecorators {
  if (crash === null) return NONE;
  const points = createCrashPoints(crash);
  const ports: CrashDecorators['ports'] = (all) => {
    const decorated = Object.entries(all).map(([part, port]: readonly [string, unknown]) => [
      part,
      typeof port === 'object' && port !== null ? points.decorate(part, port) : port,
    ]);
    return Object.fromEntries(decorated) as typeof all;
  };
  return {
    ports,
    port: (part, port) => points.decorate(part, port),
    models: (registry) => withModelPoints(points, registry),
    tools: (tools) => tools.map((tool) => withToolPoints(points, tool)),
  };
}

function withModelPoints(points: CrashPoints, registry: ModelRegistry): ModelRegistry {
  points.know('model.stream.before', 'model.stream.first', 'model.stream.after');
  const withPoints = (model: LanguageModel): LanguageModel => ({
    ...model,
    stream: (...call) => streamWithPoints(points, model.stream(...call)),
  });
  return {
    ...registry,
    get: (name) => {
      const model = registry.get(name);
      return model === null ? null : withPoints(model);
    },
  };
}

async function* streamWithPoints(
  points: CrashPoints,
  stream: AsyncIterable<ModelChunk>,
): AsyncGenerator<ModelChunk, void> {
  points.reach('model.stream.before');
  let first = true;
  for await (const chunk of stream) {
    yield chunk;
    // After it: the reader has it by now, and the process dies with a half-shown answer.
    if (first) points.reach('model.stream.first');
    first = false;
  }
  points.reach('model.stream.after');
}

/** One pair of points for all tools: what differs between them is their effect, not where they can be cut. */
function withToolPoints(points: CrashPoints, tool: Tool): Tool {
  points.know('tool.invoke.before', 'tool.invoke.after');
  return {
    ...tool,
    invoke: async (input, context) => {
      points.reach('tool.invoke.before');
      const output = await tool.invoke(input, context);
      points.reach('tool.invoke.after');
      return output;
    },
  };
}
