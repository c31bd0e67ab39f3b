/** Proves: the sticky cache is sized by the memory this process may really use. */
import { describe, expect, it } from 'vitest';
import { cachedWorkflows } from '../../workers/turn-worker.js';

const GIB = 1024 ** 3;

describe('cachedWorkflows', () => {
  it.each([
    [
      'a large machine: the heap limit counts',
      { heapLimitBytes: 4 * GIB, constrainedBytes: 0, totalBytes: 64 * GIB },
      1112,
    ],
    [
      'a small container on it: the container counts',
      { heapLimitBytes: 4 * GIB, constrainedBytes: GIB, totalBytes: 64 * GIB },
      212,
    ],
    [
      'a container without a limit reports an absurd one: the machine counts',
      { heapLimitBytes: 64 * GIB, constrainedBytes: 2 ** 60, totalBytes: 2 * GIB },
      512,
    ],
    ['hardly any memory: still some', { heapLimitBytes: GIB / 8, constrainedBytes: 0, totalBytes: GIB }, 20],
    ['more than is of use: capped', { heapLimitBytes: 64 * GIB, constrainedBytes: 0, totalBytes: 64 * GIB }, 2000],
  ])('%s', (_what, memory, expected) => {
    expect(cachedWorkflows(memory)).toBe(expected);
  });
});
