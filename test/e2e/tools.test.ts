/** The built-in tools on the started product: Python with files, pages through the gate, results too large for the model. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResponseResource } from '../../domain/response-resource.js';
import { answerText, callTools } from '../support/fake-provider-script.js';
import { sharedProduct } from '../support/started-product.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

const PAGE = `<html><head><title>Harbour news</title></head><body><article><h1>Harbour news</h1>${'<p>The harbour has seven cranes and one lighthouse, and a ferry leaves every hour.</p>'.repeat(600)}</article></body></html>`;

const site = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
});
let siteUrl = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}/news`;
});
afterAll(() => site.close());

describe('tools', () => {
  const product = sharedProduct({ env: { TURNSTONE_PYTHON: 'on', TURNSTONE_EGRESS_ALLOW: '127.0.0.1' } });

  async function turn(input: unknown, model = 'general'): Promise<ResponseResource> {
    const { status, json } = await product().call('POST', '/v1/responses', { model, input });
    expect(status).toBe(200);
    return json as ResponseResource;
  }

  it('read_page: a page comes back as Markdown, in pages, through the gate', async () => {
    product().provider.queue(callTools({ name: 'read_page', arguments: { url: siteUrl } }), answerText('read'));
    const before = product().provider.requests.length;
    const response = await turn('read it');
    expect(response.output[0]).toMatchObject({
      type: 'web_search_call',
      status: 'completed',
      action: { url: siteUrl },
    });
    const told = JSON.stringify(product().provider.requests[before + 1]?.body.messages?.at(-1));
    expect(told).toContain('Harbour news');
    expect(told).toMatch(/page 1 of \d/i);
  });

  it('read_page: an address that is not opened is refused, and the model is told why', async () => {
    product().provider.queue(
      callTools({ name: 'read_page', arguments: { url: 'http://169.254.169.254/latest/meta-data' } }),
      answerText('I could not'),
    );
    const before = product().provider.requests.length;
    const response = await turn('read the metadata');
    expect(response.output[0]).toMatchObject({ type: 'web_search_call', status: 'failed' });
    expect(JSON.stringify(product().provider.requests[before + 1]?.body.messages?.at(-1))).toContain('egress.blocked');
  });

  describe('python', () => {
    beforeAll(async () => {
      const state = await until(
        async () => {
          const { json } = await product().call('GET', '/healthz');
          const { python } = (json as { components: { python: { state: string; detail?: string } } }).components;
          return /being installed|starting/.test(python.detail ?? '') ? null : python;
        },
        'the Python environment is ready',
        180_000,
      );
      // Where the jail cannot run, the tool says so and these scenarios have nothing to show.
      if (state.state !== 'ok') throw new Error(`python is not available here: ${state.detail}`);
    }, 200_000);

    it(verifies('tools.python-files'), async () => {
      const csv = Buffer.from('city,ships\nRiga,12\nGdansk,30\n').toString('base64');
      const code = `import csv
rows = list(csv.DictReader(open('ports.csv')))
total = sum(int(row['ships']) for row in rows)
open('total.txt', 'w').write(str(total))
print('total', total)`;
      product().provider.queue(callTools({ name: 'python', arguments: { code } }), answerText('42 ships'));
      const response = await turn([
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'How many ships?' },
            { type: 'input_file', filename: 'ports.csv', file_data: `data:text/csv;base64,${csv}` },
          ],
        },
      ]);
      const [call] = response.output;
      expect(call).toMatchObject({ type: 'code_interpreter_call', status: 'completed', code });
      expect(JSON.stringify(call)).toContain('total 42');
      const made = call?.type === 'code_interpreter_call' ? call.turnstone_files?.[0] : undefined;
      expect(made).toMatchObject({ filename: 'total.txt' });
      const content = await fetch(`${product().apiUrl}/v1/files/${made?.id ?? ''}/content`, {
        headers: { authorization: `Bearer ${product().openai.apiKey}` },
        signal: AbortSignal.timeout(10_000),
      });
      expect(await content.text()).toBe('42');
      expect(content.headers.get('x-content-type-options')).toBe('nosniff');
    });

    it(verifies('tools.large-result'), async () => {
      const print = 'for n in range(9000): print(f"line {n:05d}")';
      product().provider.queue(callTools({ name: 'python', arguments: { code: print } }));
      product().provider.queue(answerText('too long to show'));
      const first = await turn('print a lot');
      const item = first.output[0];
      const logs = JSON.stringify(item);
      expect(logs).toContain('line 00000');
      expect(logs).toContain('line 08999');
      expect(logs).not.toContain('line 06500');
      product().provider.queue(
        callTools({ name: 'read_result', arguments: { id: item?.id ?? '', find: 'line 06500' } }),
        answerText('found it'),
      );
      const before = product().provider.requests.length;
      const { json } = await product().call('POST', '/v1/responses', {
        model: 'general',
        input: 'what is in the middle?',
        previous_response_id: first.id,
      });
      expect((json as ResponseResource).status).toBe('completed');
      expect(JSON.stringify(product().provider.requests[before + 1]?.body.messages?.at(-1))).toContain('line 06500');
    });
  });
});
