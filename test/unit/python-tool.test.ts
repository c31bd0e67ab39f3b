/** Proves what the `python` tool hands to the runner and how it tells the model what happened. */
import { describe, expect, it } from 'vitest';
import { createPythonTool } from '../../tools/python-tool.js';
import { runTool } from '../../tools/sdk/test-kit.js';
import { fakePython } from '../support/tool-context.js';

const file = (filename: string, content = filename) => ({
  filename,
  mimeType: 'text/plain',
  content: Buffer.from(content),
});

describe('python tool', () => {
  it('files of the conversation -> in the job by name, the newest of each name', async () => {
    const python = fakePython({ stdout: 'ok\n' });
    await runTool(
      createPythonTool(python),
      { code: 'x' },
      { inputs: [file('a.csv', 'old'), file('b.csv'), file('a.csv', 'new')] },
    );
    const given = python.jobs[0]?.files.map(({ filename, content }) => [filename, Buffer.from(content).toString()]);
    expect(Object.fromEntries(given ?? [])).toEqual({ 'a.csv': 'new', 'b.csv': 'b.csv' });
    expect(python.jobs[0]?.code).toBe('x');
  });

  it('new files -> saved with their type, named in the text, returned', async () => {
    const python = fakePython({
      files: [
        { filename: 'figure-1.png', content: Buffer.from('png') },
        { filename: 'data.weird', content: Buffer.from('x') },
      ],
    });
    const { output, saved } = await runTool(createPythonTool(python), { code: 'x' });
    expect(saved.map(({ filename, mimeType }) => [filename, mimeType])).toEqual([
      ['figure-1.png', 'image/png'],
      ['data.weird', 'application/octet-stream'],
    ]);
    expect(output.files?.map(({ id }) => id)).toEqual(saved.map(({ record }) => record.id));
    expect(output.text).toContain(`- figure-1.png (image/png, 3 bytes, id ${saved[0]?.record.id})`);
  });

  it.each([
    [{ stdout: '4\n' }, /^4$/],
    [{}, /printed nothing/],
    [
      { status: 'error', stdout: 'a\n', stderr: 'Traceback\nValueError: x\n' },
      /exception[\s\S]*a[\s\S]*stderr:\nTraceback\nValueError: x$/,
    ],
    [{ status: 'timeout', stdout: 'half', stderr: '[stopped]\n' }, /longer than 60 seconds[\s\S]*half/],
    [{ status: 'killed', stderr: '[killed: memory]\n' }, /killed[\s\S]*memory/],
    [{ stdout: 'x', truncated: true }, /longer than is kept/],
  ] as const)('the result %j -> said plainly', async (result, expected) => {
    expect((await runTool(createPythonTool(fakePython(result)), { code: 'x' })).output.text).toMatch(expected);
  });

  it('output that is too long -> cut in the middle, beginning and end kept', async () => {
    const stdout = `START${'x'.repeat(300_000)}END`;
    const { text } = (await runTool(createPythonTool(fakePython({ stdout })), { code: 'x' })).output;
    expect(text.length).toBeLessThan(110_000);
    expect(text).toMatch(/^START[\s\S]*left out[\s\S]*END$/);
  });

  it('more files than fit -> the newest go in, the rest are named', async () => {
    const python = fakePython();
    const inputs = Array.from({ length: 60 }, (_, index) => file(`f${index}.txt`));
    const { output } = await runTool(createPythonTool(python), { code: 'x' }, { inputs });
    expect(python.jobs[0]?.files).toHaveLength(50);
    expect(python.jobs[0]?.files.map(({ filename }) => filename)).toContain('f59.txt');
    expect(output.text).toMatch(/Not in the work folder.*f0\.txt/);
  });

  it('cancelled -> turn.cancelled; preparing -> a stage says so; unavailable -> the tool says why', async () => {
    await expect(runTool(createPythonTool(fakePython({ status: 'cancelled' })), { code: 'x' })).rejects.toMatchObject({
      code: 'turn.cancelled',
    });
    expect((await runTool(createPythonTool(fakePython({}, 'preparing')), { code: 'x' })).progress).toHaveLength(1);
    expect(createPythonTool(fakePython({}, 'unavailable')).unavailable?.()).toBe('it is unavailable');
    expect(createPythonTool(fakePython()).unavailable?.()).toBeNull();
  });
});
