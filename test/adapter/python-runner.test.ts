/** Proves what the Python runner promises to tools: output, values, errors, files in and out, limits, cancelling, and its states. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Failure } from '../../domain/failures.js';
import { createTestRunner, jailMissing, pythonJob } from '../support/python-runners.js';

const missing = await jailMissing();
const title = missing === null ? '' : ` (skipped: ${missing})`;
const text = (content: Uint8Array | undefined): string => Buffer.from(content ?? []).toString();

describe.skipIf(missing !== null)(`Python runner: results${title}`, () => {
  it('printing and a last expression -> both in stdout, as at the prompt', async () => {
    const result = await createTestRunner().run(pythonJob('print("hé 🐍")\nx = 20\nx * 2 + 2'));
    expect(result).toMatchObject({
      status: 'completed',
      stdout: 'hé 🐍\n42\n',
      stderr: '',
      truncated: false,
      files: [],
    });
  });

  it.each([
    ['a None value', 'print(1)\nNone', '1\n'],
    ['a string value', '"a"', "'a'\n"],
    ['an assignment', 'x = 5', ''],
    ['nothing but a comment', '# x', ''],
    ['exit(0)', 'print(1)\nexit(0)', '1\n'],
    ['a generator over main', 'def f(): return g()\ndef g(): return 3\nf()', '3\n'],
    [
      'a dataclass, which looks its module up',
      'from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nA(1)',
      'A(x=1)\n',
    ],
  ])('%s -> stdout as expected', async (_name, code, stdout) => {
    expect(await createTestRunner().run(pythonJob(code))).toMatchObject({ status: 'completed', stdout, stderr: '' });
  });

  it('an exception -> status error, what was printed before, and a traceback of the code alone', async () => {
    const result = await createTestRunner().run(pythonJob('print("before")\ndef f():\n    return 1 / 0\nf()'));
    expect(result).toMatchObject({ status: 'error', stdout: 'before\n' });
    expect(result.stderr).toMatch(
      /^Traceback[\s\S]*File "<code>", line 3, in f[\s\S]*return 1 \/ 0[\s\S]*ZeroDivisionError: division by zero\n$/,
    );
    expect(result.stderr).not.toContain('harness');
  });

  it.each([
    ['a syntax error', 'x = = 1', /SyntaxError/],
    ['exit(3)', 'exit(3)', /SystemExit: 3/],
    [
      'an exception that cannot be shown',
      'class E(Exception):\n    def __str__(self): raise SystemExit\nraise E()',
      /E/,
    ],
    ['KeyboardInterrupt', 'raise KeyboardInterrupt', /KeyboardInterrupt/],
    ['endless recursion', 'def f(): f()\nf()', /RecursionError/],
    ['reading input', 'input()', /EOFError/],
    ['a null byte', 'x = "\u0000"', /./],
    ['a lone surrogate printed', 'print("\\ud800")\n1/0', /ZeroDivisionError/],
  ])('%s -> status error, said in stderr', async (_name, code, expected) => {
    const result = await createTestRunner().run(pythonJob(code));
    expect(result.status).toBe('error');
    expect(result.stderr).toMatch(expected);
  });

  it('files in -> readable by name; new and changed ones come back, untouched ones do not', async () => {
    const files = ['in.txt', 'same.txt', 'changed.txt'].map((filename) => ({
      filename,
      content: Buffer.from(filename),
    }));
    const code =
      'print(open("in.txt").read())\nopen("changed.txt", "a").write("!")\nimport os\nos.makedirs("out/a")\nopen("out/a/b.bin", "wb").write(bytes(range(256)))\nNone';
    const result = await createTestRunner().run(pythonJob(code, { files }));
    expect(result.stdout).toBe('in.txt\n');
    expect(result.files.map((file) => file.filename)).toEqual(['changed.txt', 'out_a_b.bin']);
    expect(text(result.files[0]?.content)).toBe('changed.txt!');
    expect([...(result.files[1]?.content ?? [])]).toEqual(Array.from({ length: 256 }, (_, index) => index));
  });

  it('hostile file names in -> plain names, distinct', async () => {
    const files = ['../../etc/passwd', 'a/../b.txt', 'b.txt', '..', '', 'x\u0000y', '\u202Egpj.exe'].map(
      (filename) => ({ filename, content: Buffer.from('x') }),
    );
    const result = await createTestRunner().run(pythonJob('import os\nprint(sorted(os.listdir(".")))', { files }));
    expect(result.stdout).toBe("['a_.._b.txt', 'b.txt', 'etc_passwd', 'file', 'file-2', 'gpj.exe', 'xy']\n");
  });

  it('many jobs at once over a pool -> each gets its own answer', async () => {
    const runner = createTestRunner({ poolSize: 2, limits: { concurrentJobs: 3 } });
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        runner.run(pythonJob(`import os\nopen("mine-${index}","w").close()\nprint(${index}, os.listdir("."))`)),
      ),
    );
    expect(results.map((result) => result.stdout)).toEqual(
      Array.from({ length: 12 }, (_, index) => `${index} ['mine-${index}']\n`),
    );
  });
});

describe.skipIf(missing !== null)(`Python runner: limits${title}`, () => {
  it('longer than its time -> timeout, with what was printed', async () => {
    const started = performance.now();
    const result = await createTestRunner().run(pythonJob('print("started")\nwhile True: pass', { timeoutMs: 700 }));
    expect(result).toMatchObject({ status: 'timeout', stdout: 'started\n' });
    expect(result.stderr).toContain('700 ms');
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('more output than is kept -> cut and flagged, the traceback still there', async () => {
    const runner = createTestRunner({ limits: { outputBytes: 10_000 } });
    const result = await runner.run(pythonJob('for _ in range(100000): print("x" * 100)\n1/0'));
    expect(result).toMatchObject({ status: 'error', truncated: true });
    expect(result.stdout).toHaveLength(10_000);
    expect(result.stderr).toContain('ZeroDivisionError');
  });

  it('more memory than allowed -> MemoryError in the code', async () => {
    const result = await createTestRunner({ limits: { memoryBytes: 200 * 1024 * 1024 } }).run(
      pythonJob('x = bytearray(10 ** 10)'),
    );
    expect(result.status).toBe('error');
    expect(result.stderr).toContain('MemoryError');
  });

  it('more disk than allowed -> an error in the code', async () => {
    const result = await createTestRunner({ limits: { diskBytes: 1024 * 1024 } }).run(
      pythonJob('for i in range(4):\n    with open(f"f{i}", "wb") as f: f.write(b"x" * 500_000)'),
    );
    expect(result.stderr).toContain('No space left on device');
  });

  it('more CPU time than allowed -> killed, and said', async () => {
    const result = await createTestRunner({ limits: { cpuSeconds: 1 } }).run(pythonJob('while True: pass'));
    expect(result.status).toBe('killed');
    expect(result.stderr).toContain('CPU time');
  });

  it('more and larger files than come back -> the rest is left out and named', async () => {
    const runner = createTestRunner({ limits: { outputFiles: 2, outputFileBytes: 1000 } });
    const result = await runner.run(pythonJob('for n in "abcd": open(n, "w").write(n * (2000 if n == "a" else 10))'));
    expect(result.files.map((file) => file.filename)).toEqual(['b', 'c']);
    expect(result.stderr).toMatch(/a was left out[\s\S]*d was left out/);
  });

  it('cancelled in the middle -> cancelled at once', async () => {
    const controller = new AbortController();
    const runner = createTestRunner();
    await runner.run(pythonJob('1'));
    const running = runner.run(pythonJob('while True: pass', { signal: controller.signal }));
    setImmediate(() => controller.abort());
    const started = performance.now();
    expect((await running).status).toBe('cancelled');
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('more jobs than may wait -> tool.unavailable for the one too many', async () => {
    const runner = createTestRunner({ limits: { concurrentJobs: 1, waitingJobs: 1 } });
    const settled = await Promise.allSettled([1, 2, 3].map(() => runner.run(pythonJob('1'))));
    expect(settled.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(((settled[2] as PromiseRejectedResult).reason as Failure).code).toBe('tool.unavailable');
  });

  it('closed while jobs run and wait -> all settle as cancelled, new ones are refused', async () => {
    const runner = createTestRunner({ poolSize: 1, limits: { concurrentJobs: 1 } });
    await runner.run(pythonJob('1'));
    const running = [1, 2].map(() => runner.run(pythonJob('while True: pass')));
    await runner.close();
    expect((await Promise.all(running)).map((result) => result.status)).toEqual(['cancelled', 'cancelled']);
    await expect(runner.run(pythonJob('1'))).rejects.toMatchObject({ code: 'tool.unavailable' });
  });
});

describe('Python runner: states', () => {
  it('without bubblewrap -> unavailable with the remedy, code is never run', async () => {
    const runner = createTestRunner({ bwrapPath: '/nonexistent/bwrap' });
    await expect(runner.run(pythonJob('1'))).rejects.toMatchObject({ code: 'tool.unavailable' });
    expect(runner.status()).toMatchObject({ state: 'unavailable' });
    expect(runner.status().detail).toContain('apt-get install bubblewrap');
  });

  it('a jail that refuses to start -> unavailable, saying what the jail said', async () => {
    const runner = createTestRunner({ bwrapPath: '/bin/false' });
    await expect(runner.run(pythonJob('1'))).rejects.toMatchObject({ code: 'tool.unavailable' });
  });

  it('no such Python -> unavailable, saying which was tried', async () => {
    const runner = createTestRunner({ pythonPath: '/nonexistent/python3' });
    await expect(runner.run(pythonJob('1'))).rejects.toThrow(/\/nonexistent\/python3/);
  });

  it.skipIf(missing !== null)(
    'nothing installed -> ready with the standard library, and the data folder stays empty',
    async () => {
      const { temporaryFolder } = await import('../support/temporary-folder.js');
      const dataDir = temporaryFolder();
      const runner = createTestRunner({ dataDir });
      expect(runner.status().state).toBe('preparing');
      await runner.run(pythonJob('1'));
      expect(runner.status()).toMatchObject({ state: 'ready', backend: 'bubblewrap' });
      expect(runner.status().detail).toContain('standard library');
      expect(readdirSync(dataDir)).toEqual([]);
    },
  );
});
