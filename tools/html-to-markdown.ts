/** HTML -> Markdown in a worker thread of its own, bounded in time and memory: no page can hold the server up. */
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { failure } from '../domain/failures.js';

const WORKER = new URL('./html-worker.mjs', import.meta.url);
/** The largest honest pages take a second or two. */
const TIME_LIMIT_MS = 10_000;
/** Five megabytes of HTML need about 200 MB as a tree. */
const MEMORY_LIMIT_MB = 512;
const MAX_MARKDOWN_CHARS = 5_000_000;

const answerSchema = z.object({ title: z.string(), markdown: z.string() });

export interface MarkdownPage {
  readonly title: string;
  readonly markdown: string;
}

export interface HtmlPage {
  readonly html: string;
  readonly url: string;
  readonly signal: AbortSignal;
  readonly timeLimitMs?: number;
}

/** @throws `tool.failed` when the page is more than the limits take; `turn.cancelled`. */
export function htmlToMarkdown({ html, url, signal, timeLimitMs = TIME_LIMIT_MS }: HtmlPage): Promise<MarkdownPage> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(WORKER, {
      workerData: { html, url },
      env: {},
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_LIMIT_MB, maxYoungGenerationSizeMb: 64, stackSizeMb: 4 },
    });
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      settle();
      void worker.terminate();
    };
    const fail = (why: string, cause?: unknown): void => {
      finish(() => {
        reject(failure('tool.failed', `The page ${url} could not be read: ${why}`, { cause }));
      });
    };
    const onAbort = (): void => {
      finish(() => {
        reject(failure('turn.cancelled', `Reading ${url} was cancelled`));
      });
    };
    const timer = setTimeout(() => {
      fail(`turning its HTML into text took longer than ${timeLimitMs / 1000} s`);
    }, timeLimitMs);
    signal.addEventListener('abort', onAbort, { once: true });
    worker.once('message', (message: unknown) => {
      const page = answerSchema.parse(message);
      finish(() => {
        resolve({ title: page.title, markdown: page.markdown.slice(0, MAX_MARKDOWN_CHARS) });
      });
    });
    worker.once('error', (error: NodeJS.ErrnoException) => {
      fail(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? `its HTML needs more than ${MEMORY_LIMIT_MB} MB of memory`
          : 'its HTML could not be parsed',
        error,
      );
    });
    if (signal.aborted) onAbort();
  });
}
