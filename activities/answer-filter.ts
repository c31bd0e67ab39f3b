/**
 * What a model writes -> what may be shown and stored: without secrets of this process, and without images that a reader's
 * browser would fetch from hosts the operator did not allow. In front of the assembler, so that what is streamed is what is kept.
 */
import type { ImageLinks } from '../domain/ports/image-links.js';
import type { ModelChunk } from '../domain/ports/model.js';
import { taintSettings } from '../domain/taint.js';
import { matchesHost, userAddresses } from './egress-trust.js';
import { createImageFilter } from './image-filter.js';
import type { ImageFilterOptions } from './image-filter.js';
import { createSecretFilter } from './secret-filter.js';
import type { SecretNet } from './secret-filter.js';
import type { StepRun } from './step-run.js';
import { chainFilters } from './text-filter.js';
import type { TextFilter } from './text-filter.js';

/** Of the operator; absent in tests that are about something else. */
export interface AnswerRules {
  readonly secrets: SecretNet;
  /** Images of these hosts are left to the reader's browser. */
  readonly imageHosts: readonly string[];
  readonly imageLinks: ImageLinks;
}

export interface AnswerFilter {
  push(chunk: ModelChunk): readonly ModelChunk[];
  /** The answer is over: what was held back. */
  end(): readonly ModelChunk[];
}

type TextChunk = Extract<ModelChunk, { readonly text: string }>;

export const NO_FILTER: AnswerFilter = { push: (chunk) => [chunk], end: () => [] };

export function createAnswerFilter(step: StepRun): AnswerFilter {
  const { answers } = step.deps;
  if (answers === undefined) return NO_FILTER;
  const report = (where: string) => (count: number) => reportSecret(step, where, count);
  const images = imageOptions(step, answers);
  return createChunkFilter({
    text: () => chainFilters(createSecretFilter(answers.secrets, report('answer')), createImageFilter(images)),
    call: () => createSecretFilter(answers.secrets, report('tool arguments')),
    name: (text) => answers.secrets.blank(text).text,
  });
}

/** A secret of this process in a model's words should be impossible: somebody must look. */
export function reportSecret({ run }: Pick<StepRun, 'run'>, where: string, count: number): void {
  run.log.error({ where, count }, 'a secret of this server was in what a model or tool wrote; it was removed');
}

function imageOptions(step: StepRun, answers: AnswerRules): ImageFilterOptions {
  const { turn, path } = step.context;
  const { trustedHosts } = taintSettings(turn.settings);
  let own: ReadonlySet<string> | null = null;
  return {
    tainted: step.tainted,
    isAllowedHost: (url) => [...answers.imageHosts, ...trustedHosts].some((pattern) => matchesHost(pattern, url)),
    isUsersOwn: (url) => (own ??= userAddresses(path)).has(url.href),
    proxied: (url) => answers.imageLinks.link(step.scope.tenantId, url),
  };
}

interface ChunkFilters {
  readonly text: () => TextFilter;
  readonly call: () => TextFilter;
  readonly name: (text: string) => string;
}

/** Exported for its test. */
export function createChunkFilter(filters: ChunkFilters): AnswerFilter {
  let open: { readonly type: TextChunk['type']; readonly filter: TextFilter } | null = null;
  const calls = new Map<number, TextFilter>();

  const endText = (): ModelChunk[] => {
    if (open === null) return [];
    const { type, filter } = open;
    open = null;
    return toChunks(type, filter.end());
  };
  const pushText = ({ type, text }: TextChunk): ModelChunk[] => {
    const before = open?.type === type ? [] : endText();
    open ??= { type, filter: filters.text() };
    return [...before, ...toChunks(type, open.filter.push(text))];
  };
  const endCalls = (): ModelChunk[] => [...calls].flatMap(([index, filter]) => argumentChunks(index, filter.end()));

  return {
    push(chunk) {
      if ('text' in chunk) return pushText(chunk);
      switch (chunk.type) {
        case 'tool-call-start':
          calls.set(chunk.index, filters.call());
          return [...endText(), { ...chunk, name: filters.name(chunk.name), callId: filters.name(chunk.callId) }];
        case 'tool-call-delta':
          return argumentChunks(chunk.index, calls.get(chunk.index)?.push(chunk.arguments) ?? '');
        case 'usage':
        case 'finish':
          return [chunk];
      }
    },
    end: () => [...endText(), ...endCalls()],
  };
}

const toChunks = (type: TextChunk['type'], text: string): ModelChunk[] => (text === '' ? [] : [{ type, text }]);
const argumentChunks = (index: number, text: string): ModelChunk[] =>
  text === '' ? [] : [{ type: 'tool-call-delta', index, arguments: text }];
