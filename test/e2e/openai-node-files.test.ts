/** The official Node client against the started product: images and files, by data URL and by URL, and what the provider got. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import type { Response } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bothWires } from '../support/both-wires.js';
import { expectRejection } from '../support/client-calls.js';
import { messagesOf } from '../support/provider-view.js';
import { sharedProduct } from '../support/started-product.js';
import { verifies } from './requirements.js';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const PDF = Buffer.from('%PDF-1.4\n%âãÏÓ\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF\n', 'latin1').toString('base64');

/** A site that the product may reach only because the operator opened it. */
const site = createServer((request, response) => {
  if (request.url === '/notes.txt')
    response.setHeader('content-type', 'text/plain; charset=utf-8').end('Grüße vom Server');
  else response.writeHead(404, { 'content-type': 'text/plain' }).end('nothing here');
});
let siteUrl = '';

describe('openai (Node): images and files', () => {
  const env: Record<string, string> = {};
  beforeAll(async () => {
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(site.address() as AddressInfo).port}`;
    siteUrl = `http://${address}`;
    env['TURNSTONE_EGRESS_ALLOW'] = address;
  });
  afterAll(() => site.close());
  const product = sharedProduct({ providers: bothWires, env });
  const lastRequest = () => product().provider.requests.at(-1);
  const ask = (body: Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, 'model'>, model = 'general') =>
    product().openai.responses.create({ model, ...body });

  it(verifies('responses.files'), async () => {
    const text = Buffer.from('Naïve notes\nline two').toString('base64');
    const response = await ask(
      {
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_text', text: 'What is in these?' },
              { type: 'input_image', image_url: `data:image/png;base64,${PIXEL}`, detail: 'low' },
              { type: 'input_file', filename: 'notes.txt', file_data: `data:text/plain;base64,${text}` },
              { type: 'input_file', filename: 'paper.pdf', file_data: `data:application/pdf;base64,${PDF}` },
            ],
          },
        ],
      },
      'chat/model',
    );
    expect(response.status).toBe('completed');
    const [, user] = messagesOf(lastRequest());
    expect(user?.content).toEqual([
      { type: 'text', text: 'What is in these?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}`, detail: 'low' } },
      { type: 'text', text: 'File "notes.txt":\nNaïve notes\nline two' },
      { type: 'file', file: { filename: 'paper.pdf', file_data: `data:application/pdf;base64,${PDF}` } },
    ]);
    // The next turn still sees them, without sending them again.
    await ask({ input: 'And again?', previous_response_id: response.id }, 'wire/model');
    const sent = JSON.stringify(lastRequest()?.body.input);
    expect(sent).toContain(`data:image/png;base64,${PIXEL}`);
    expect(sent).toContain('Naïve notes');
    expect(sent).toContain(`data:application/pdf;base64,${PDF}`);
  });

  it('a file by URL: -> fetched once through the egress gate and kept; an image URL is the provider’s to fetch', async () => {
    const response = await ask(
      {
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_file', file_url: `${siteUrl}/notes.txt` },
              { type: 'input_image', image_url: 'https://example.com/picture.png', detail: 'auto' },
            ],
          },
        ],
      },
      'chat/model',
    );
    expect(response.status).toBe('completed');
    expect(messagesOf(lastRequest())[1]?.content).toEqual([
      { type: 'text', text: 'File "notes.txt":\nGrüße vom Server' },
      { type: 'image_url', image_url: { url: 'https://example.com/picture.png' } },
    ]);
    const { data } = await product().openai.responses.inputItems.list(response.id);
    const [message] = data as unknown as { content: { file_id?: string }[] }[];
    const fileId = message?.content[0]?.file_id;
    expect(fileId).toMatch(/^file_/);
    const file = await product().openai.files.content(fileId ?? '');
    expect(await file.text()).toBe('Grüße vom Server');
  });

  it('a file URL that may not or cannot be read: -> the response fails and says why', async () => {
    const fail = async (file_url: string): Promise<Response> =>
      ask({ input: [{ role: 'user', content: [{ type: 'input_file', file_url }] }] });
    expect(await fail(`${siteUrl}/absent.txt`)).toMatchObject({
      status: 'failed',
      error: { code: 'egress.http-error' },
    });
    expect(await fail('http://127.0.0.1:1/secret')).toMatchObject({
      status: 'failed',
      error: { code: 'egress.blocked' },
    });
    const data = 'data:image/png;base64,not base64!';
    await expectRejection(
      ask({ input: [{ role: 'user', content: [{ type: 'input_image', image_url: data, detail: 'auto' }] }] }),
      OpenAI.BadRequestError,
      { param: 'input[0].content[0].image_url' },
    );
  });
});
