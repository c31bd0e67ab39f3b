/**
 * Proves that code in the jail reaches nothing of the host: no file, no secret, no process, no packet, no residue in the next
 * run, nothing left behind; and that what eats resources is stopped while the host stays up.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countCases } from './case-count.js';
import { createPythonRunner } from '../../adapters/sandbox/python-runner.js';
import type { PythonRunner } from '../../domain/ports/tool-runtime.js';
import { jailMissing, pythonJob } from '../support/python-runners.js';
import { createRecordingLogger } from '../support/recording-logger.js';

const missing = await jailMissing();
const title = missing === null ? '' : ` (skipped: ${missing})`;
/** Of this run alone: two runs on one machine would share the name of a socket that is no file. */
const TOKEN = `canary-${randomUUID()}`;
const MIB = 1024 * 1024;
const HARNESS = new URL('../../adapters/sandbox/python-harness.py', import.meta.url);

/** Numbers of system calls that Python has no name for. */
const NUMBERS: Record<string, { x64: number; arm64: number }> = {
  NR_PIVOT_ROOT: { x64: 155, arm64: 41 },
  NR_CLONE: { x64: 56, arm64: 220 },
  NR_BPF: { x64: 321, arm64: 280 },
  NR_USERFAULTFD: { x64: 323, arm64: 282 },
  NR_PERF: { x64: 298, arm64: 241 },
  NR_KEYCTL: { x64: 250, arm64: 219 },
  NR_OPEN_BY_HANDLE: { x64: 304, arm64: 265 },
};

interface Payload {
  readonly name: string;
  readonly code: string;
}

function readCorpus(values: Readonly<Record<string, string>>): readonly Payload[] {
  const text = readFileSync(new URL('./jail-corpus.py', import.meta.url), 'utf8');
  return text
    .split(/^#! /m)
    .slice(1)
    .map((part) => {
      const lineEnd = part.indexOf('\n');
      const code = part.slice(lineEnd + 1).replace(/@([A-Z_]+)@/g, (whole, name: string) => values[name] ?? whole);
      return { name: part.slice(0, lineEnd).trim(), code };
    });
}

/** Runs each payload by itself and tells, as JSON in a file, what it got. */
const DRIVER = `
import json, os, base64
payloads = json.loads(base64.b64decode("@PAYLOADS@"))
report = {}
for payload in payloads:
    names = {"__name__": "payload", "__builtins__": __builtins__, "escaped": None}
    try:
        exec(compile(payload["code"], payload["name"], "exec"), names)
        report[payload["name"]] = ["ran", repr(names["escaped"]) if names["escaped"] else ""]
    except BaseException as error:
        report[payload["name"]] = ["stopped", repr(error)[:200]]
with open("report.json", "w") as out: json.dump(report, out)
`;

let folder: string;
let runner: PythonRunner;
let victim: ChildProcess;
let connections = 0;
const listeners: Server[] = [];
const udp = createSocket('udp4');
let values: Record<string, string> = {};

async function listen(server: Server, target: { port: number; host: string } | { path: string }): Promise<Server> {
  server.on('connection', () => (connections += 1));
  server.listen(target);
  await once(server, 'listening');
  listeners.push(server);
  return server;
}

/** Processes on the host that belong to jails of this test process. */
function jailProcesses(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        return parent === String(process.pid) && /^(bwrap|python3)/.test(readFileSync(`/proc/${pid}/comm`, 'utf8'));
      } catch {
        return false; // ended while we looked
      }
    });
}

beforeAll(async () => {
  if (missing !== null) return;
  process.env['TURNSTONE_TEST_SECRET'] = TOKEN;
  folder = mkdtempSync(join(tmpdir(), 'turnstone-jail-'));
  writeFileSync(join(folder, 'secret.txt'), TOKEN);
  victim = spawn('sleep', ['300'], { stdio: 'ignore' });
  const tcp = await listen(createServer(), { port: 0, host: '127.0.0.1' });
  const { port } = tcp.address() as AddressInfo;
  await listen(createServer(), { path: join(folder, 'host.sock') });
  await listen(createServer(), { path: `\0${TOKEN}-abstract` });
  udp.on('message', () => (connections += 1));
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
  values = {
    HOST_FILE: join(folder, 'secret.txt'),
    HOST_PID: String(victim.pid),
    TOKEN,
    PORT: String(port),
    UNIX_SOCKET: join(folder, 'host.sock'),
    ABSTRACT: `${TOKEN}-abstract`,
    ARCH: architecture,
    ...Object.fromEntries(Object.entries(NUMBERS).map(([name, numbers]) => [name, String(numbers[architecture])])),
  };
  const limits = {
    memoryBytes: 512 * MIB,
    diskBytes: 16 * MIB,
    diskFiles: 2000,
    cpuSeconds: 20,
    outputBytes: 64 * 1024,
  };
  runner = createPythonRunner({
    dataDir: folder,
    poolSize: 0,
    packages: [],
    logger: createRecordingLogger().logger,
    limits,
  });
});

afterAll(async () => {
  if (missing !== null) return;
  await runner.close();
  victim.kill();
  udp.close();
  await Promise.all(listeners.map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(folder, { recursive: true, force: true });
  delete process.env['TURNSTONE_TEST_SECRET'];
});

describe.skipIf(missing !== null)(`jail: escapes${title}`, () => {
  it('the corpus -> no payload gets what it wants, nothing of the host is seen or touched', async () => {
    const payloads = readCorpus(values);
    expect(payloads.length).toBeGreaterThanOrEqual(60);
    countCases({ corpus: 'escapes from the Python jail', required: 'nothing of the host', payloads: payloads.length });
    const encoded = Buffer.from(JSON.stringify(payloads)).toString('base64');
    const harness = readFileSync(HARNESS);
    const result = await runner.run(pythonJob(DRIVER.replace('@PAYLOADS@', encoded), { timeoutMs: 40_000 }));
    expect(result.status, result.stderr).toBe('completed');
    const file = result.files.find(({ filename }) => filename === 'report.json');
    const report = JSON.parse(Buffer.from(file?.content ?? []).toString()) as Record<string, [string, string]>;
    expect(Object.keys(report)).toHaveLength(payloads.length);
    const escaped = Object.entries(report).filter(([, [outcome, evidence]]) => outcome === 'ran' && evidence !== '');
    expect(escaped).toEqual([]);
    const everything =
      result.stdout + result.files.map(({ content }) => Buffer.from(content).toString('latin1')).join('');
    expect(everything.replaceAll(encoded, '')).not.toContain(TOKEN);
    expect(connections).toBe(0);
    expect(victim.exitCode ?? victim.signalCode).toBeNull();
    expect(readFileSync(HARNESS).equals(harness)).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['host.sock', 'secret.txt']);
  });

  it('the same driver can fail: a payload that gets what it wants is reported', async () => {
    const payloads = [{ name: 'works', code: 'escaped = open("/work/report.json", "w").name' }];
    const encoded = Buffer.from(JSON.stringify(payloads)).toString('base64');
    const result = await runner.run(pythonJob(DRIVER.replace('@PAYLOADS@', encoded)));
    expect(Buffer.from(result.files[0]?.content ?? []).toString()).toContain('"ran", "\'/work/report.json\'"');
  });

  it('links, devices, sockets and pipes in the work folder -> never come back, nothing is followed', async () => {
    const code = [
      'import os, socket',
      `os.symlink("${values['HOST_FILE']}", "secret.txt")`,
      'os.symlink("/usr/lib", "library")',
      'os.mkfifo("pipe")',
      'os.symlink("loop", "loop")',
      'open(".hidden", "w").write("x")',
      'open("real.txt", "w").write("x")',
      'os.link("real.txt", "hard.txt")',
      'None',
    ].join('\n');
    const result = await runner.run(pythonJob(code));
    expect(result.files.map(({ filename }) => filename).sort()).toEqual(['hard.txt', 'real.txt']);
    expect(result.stderr).toMatch(/pipe is not a regular file/);
  });

  it('traces for the next run -> the next run sees none', async () => {
    const hide =
      'import os\nfor d in ("/work", "/tmp"):\n    open(d + "/residue", "w").write("x")\nos.environ["RESIDUE"] = "1"\nimport builtins; builtins.residue = 1';
    await runner.run(pythonJob(hide));
    const look =
      'import os, builtins\nprint(os.listdir("/work"), os.listdir("/tmp"), os.environ.get("RESIDUE"), hasattr(builtins, "residue"))';
    expect((await runner.run(pythonJob(look))).stdout).toBe('[] [] None False\n');
  });
});

describe.skipIf(missing !== null)(`jail: the channel to the host${title}`, () => {
  it.each([
    [
      'an answer of its own on the channel',
      'import os, json\nm = json.dumps({"status":"completed","traceback":"","files":[{"name":"../../x","size":1}],"notes":[]}).encode()\nos.write(3, len(m).to_bytes(8, "big") + m + b"y")',
      ['x'],
    ],
  ])('%s -> is only what the code could have said anyway', async (_name, code, names) => {
    const result = await runner.run(pythonJob(code));
    expect(result.files.map(({ filename }) => filename)).toEqual(names);
  });

  it.each([
    ['a line of a terabyte', 'import os\nos.write(3, (2**40).to_bytes(8, "big"))'],
    ['noise', 'import os\nos.write(3, os.urandom(5000))'],
    ['JSON of the wrong shape', 'import os\nos.write(3, (2).to_bytes(8, "big") + b"[]")'],
    [
      'a file of 60 GB',
      'import os, json\nm = json.dumps({"status":"completed","traceback":"","files":[{"name":"x","size":6*10**10}],"notes":[]}).encode()\nos.write(3, len(m).to_bytes(8, "big") + m)',
    ],
    [
      'a file of negative size',
      'import os, json\nm = json.dumps({"status":"completed","traceback":"","files":[{"name":"x","size":-5}],"notes":[]}).encode()\nos.write(3, len(m).to_bytes(8, "big") + m)',
    ],
    ['the channel closed', 'import os\nos.close(3)'],
    ['all descriptors closed', 'import os\nos.closerange(0, 1000)'],
    ['the process ended', 'import os\nos._exit(0)'],
    ['a crash', 'import ctypes\nctypes.string_at(0)'],
    ['an abort', 'import os\nos.abort()'],
    ['the harness rewritten', 'import sys\nh = sys.modules["turnstone_harness"]\nh.send_outcome = lambda *a: None'],
  ])('%s -> killed, with a reason, within seconds', async (_name, code) => {
    const started = performance.now();
    const result = await runner.run(pythonJob(`print("before", flush=True)\n${code}\nNone`));
    expect(result).toMatchObject({ status: 'killed', stdout: 'before\n', files: [] });
    expect(result.stderr).toMatch(/\[.+\]\n$/);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('frames printed to stdout -> are output, nothing else', async () => {
    const result = await runner.run(
      pythonJob(
        'import sys, os\nos.write(1, b"\\0\\0\\0\\0\\0\\0\\0\\x02{}")\nos.write(1, b"{\\"status\\":\\"error\\"}\\n")\nNone',
      ),
    );
    expect(result).toMatchObject({ status: 'completed', files: [] });
  });
});

describe.skipIf(missing !== null)(`jail: eating resources${title}`, () => {
  it.each([
    ['a fork bomb', 'import os\nwhile True: os.fork()', /PermissionError|Operation not permitted/],
    ['ten gigabytes', 'x = [bytearray(10**9) for _ in range(10)]', /MemoryError/],
    ['a list that grows', 'x = []\nwhile True: x.append(" " * 10**6 + str(len(x)))', /MemoryError/],
    ['a huge number', 'x = 10 ** 10 ** 10', /MemoryError|stopped|killed/],
    ['a full disk', 'f = open("f", "wb")\nwhile True: f.write(b"x" * 10**6)', /No space left|File too large/],
    [
      'a full scratch folder',
      'i = 0\nwhile True:\n    open(f"/tmp/{i}", "wb").write(b"x" * 10**6); i += 1',
      /No space left/,
    ],
    [
      'a million files',
      'i = 0\nwhile True:\n    open(str(i), "w").close(); i += 1',
      /made \d+ files; 2000 are allowed|Too many|killed/,
    ],
    [
      'a folder without end',
      'import os\nwhile True:\n    os.mkdir("d"); os.chdir("d")',
      /killed|too long|made \d+ files/,
    ],
    [
      'threads without end',
      'import threading, time\nthreading.stack_size(32768)\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()',
      /threads|thread|MemoryError/,
    ],
    ['descriptors without end', 'import os\nx = []\nwhile True: x.append(os.dup(1))', /Too many open files/],
  ])('%s -> ended by its limit, said in stderr', async (_name, code, expected) => {
    const before = process.memoryUsage().rss;
    const result = await runner.run(pythonJob(code, { timeoutMs: 3000 }));
    expect(result.status).not.toBe('completed');
    expect(result.stderr).toMatch(expected);
    expect(result.durationMs).toBeLessThan(6000);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
  });

  it('what never ends by itself -> each stopped at its time, also when it swallows everything', async () => {
    const endless = [
      'sum(iter(int, 1))',
      'import signal\nfor s in range(1, 64):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass',
      'import re\nre.match(r"(a+)+$", "a" * 64 + "b")',
      'while True: print("x" * 1000)',
      'import time\ntime.sleep(10**6)',
    ];
    const results = await Promise.all(endless.map((code) => runner.run(pythonJob(code, { timeoutMs: 3000 }))));
    for (const result of results) {
      expect(result.status).toBe('timeout');
      expect(result.stderr).toContain('stopped after 3000 ms');
      expect(result.durationMs).toBeLessThan(6000);
    }
    expect(results[3]?.truncated).toBe(true);
  });

  it('after all of it -> no process is left, the victim lives, nothing was connected to, and the next job runs', async () => {
    expect((await runner.run(pythonJob('6 * 7'))).stdout).toBe('42\n');
    expect(jailProcesses()).toEqual([]);
    expect(victim.exitCode ?? victim.signalCode).toBeNull();
    expect(connections).toBe(0);
  });
});
