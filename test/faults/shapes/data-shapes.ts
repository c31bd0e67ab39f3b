/** What is kept besides turns: conversations, items, files, responses; made, changed and deleted by a client that repeats itself. */
import { errorReply } from '../../support/fake-provider-script.js';
import { endedAs, ask, newPlanId, sendTurn } from './shape.js';
import type { Shape, ShapeRun } from './shape.js';

const message = (text: string): object => ({
  type: 'message',
  role: 'user',
  content: [{ type: 'input_text', text }],
});

async function expectGone(run: ShapeRun, path: string): Promise<void> {
  const { status } = await ask(run, 'GET', path);
  if (status !== 404) run.broken(1, `${path} was deleted and is answered with ${status}`);
}

export const conversationShape: Shape = {
  name: 'conversation-data',
  async run(run) {
    const tag = newPlanId(run);
    const { json } = await ask(run, 'POST', '/v1/conversations', { items: [message(`first of ${tag}`)] });
    const { id } = json as { readonly id: string };
    const path = `/v1/conversations/${id}`;
    await ask(run, 'POST', path, { title: `about ${tag}` });
    await ask(run, 'POST', `${path}/archive`, { archived: false });
    await ask(run, 'POST', `${path}/items`, { items: [message(`second of ${tag}`)] });
    await checkConversation(run, path, tag);
    const { json: bundle } = await ask(run, 'GET', `${path}/export`);
    const imported = await ask(run, 'POST', '/v1/conversations/import', bundle);
    const copy = `/v1/conversations/${(imported.json as { readonly id: string }).id}`;
    await checkConversation(run, copy, tag);
    await removeLast(run, path);
    for (const each of [path, copy]) {
      await ask(run, 'DELETE', each);
      await expectGone(run, each);
    }
    return [];
  },
};

/** What was asked for again may be there twice, and never not at all. */
async function checkConversation(run: ShapeRun, path: string, tag: string): Promise<void> {
  const { json } = await ask(run, 'GET', path);
  if ((json as { readonly title: unknown }).title !== `about ${tag}`) run.broken(1, `${path}: the title is lost`);
  const { json: listed } = await ask(run, 'GET', `${path}/items?order=asc&limit=100`);
  const items = (listed as { readonly data: readonly { readonly id: string }[] }).data;
  for (const which of ['first', 'second']) {
    if (!items.some((item) => JSON.stringify(item).includes(`${which} of ${tag}`)))
      run.broken(1, `${path}: the ${which} item is lost`);
  }
}

async function removeLast(run: ShapeRun, path: string): Promise<void> {
  const { json } = await ask(run, 'GET', `${path}/items?limit=1`);
  const items = (json as { readonly data: readonly { readonly id: string }[] }).data;
  const last = items.at(-1)?.id ?? '';
  await ask(run, 'DELETE', `${path}/items/${last}`);
  await expectGone(run, `${path}/items/${last}`);
}

export const fileShape: Shape = {
  name: 'file-data',
  async run(run) {
    const planId = newPlanId(run);
    const file_data = `data:text/plain;base64,${Buffer.from(`a note of ${planId}`).toString('base64')}`;
    // Nothing of it is on the provider's bill, so that it may be deleted from ours.
    const checked = await sendTurn(run, {
      planId,
      parts: [{ type: 'input_file', filename: 'note.txt', file_data }],
      steps: [{ reply: errorReply(400, 'this model does not take that') }],
      expected: endedAs('failed'),
    });
    const { json } = await ask(run, 'GET', `/v1/responses/${checked.turn.id ?? ''}/input_items`);
    const fileId = /file_[0-9a-z]+/.exec(JSON.stringify(json))?.[0] ?? '';
    await ask(run, 'DELETE', `/v1/files/${fileId}`);
    await expectGone(run, `/v1/files/${fileId}`);
    await ask(run, 'DELETE', `/v1/responses/${checked.turn.id ?? ''}`);
    await expectGone(run, `/v1/responses/${checked.turn.id ?? ''}`);
    return [];
  },
};
