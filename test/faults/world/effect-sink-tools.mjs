/** Tools whose effects are counted outside: each posts to the ledger at FAULT_LEDGER. `book` can be taken back. */

async function post(effect, signal) {
  const response = await fetch(process.env.FAULT_LEDGER, { method: 'POST', body: JSON.stringify(effect), signal });
  if (!response.ok) throw new Error(`the ledger answered ${response.status}`);
  return response.json();
}

const createEffectSinkTools = ({ defineTool, z }) => {
  const input = z.object({
    what: z.string().max(200).describe('What is done; unique in the run'),
    before: z.number().max(60_000).optional().describe('Milliseconds before the effect'),
    after: z.number().max(60_000).optional().describe('Milliseconds between the effect and its answer'),
    undo: z.number().max(60_000).optional().describe('Milliseconds between its undo and the answer to that'),
  });
  const tool = (name, effect, approval = 'never', more = {}) =>
    defineTool({
      name,
      description: `A tool with the effect ${effect}.`,
      effect,
      approval,
      input,
      timeoutMs: 60_000,
      async run({ what, before = 0, after = 0 }, { signal, idempotencyKey }) {
        const key = effect === 'keyed' ? idempotencyKey : null;
        const { done } = await post({ tool: name, what, key, before, after }, signal);
        return { text: `done: ${done}` };
      },
      ...more,
    });
  const undo = async ({ what, undo: after = 0 }, _receipt, { signal, idempotencyKey: key }) => {
    await post({ tool: 'unbook', what, key, after }, signal);
    return { text: `taken back: ${what}` };
  };
  return [
    tool('look', 'read'),
    tool('book', 'keyed', 'never', { undo }),
    tool('pay', 'unkeyed'),
    tool('book_asking', 'keyed', 'always'),
    tool('pay_asking', 'unkeyed', 'always'),
  ];
};

export { createEffectSinkTools as default };
