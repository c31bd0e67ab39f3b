/**
 * Tools with effects, as an operator's module: what they do to the world is a line in the file EFFECT_LEDGER, outside of the
 * product, so that a test can count it whatever process died. Name them in an agent; none of them asks for approval.
 */
import { appendFileSync } from 'node:fs';

const note = (line) => appendFileSync(process.env.EFFECT_LEDGER, `${JSON.stringify(line)}\n`);

const createEffectTools = ({ defineTool, z, failure }) => {
  const input = z.object({ what: z.string().max(200).describe('What to book or send') });
  const base = { input, approval: 'never', timeoutMs: 30_000 };
  return [
    defineTool({
      ...base,
      name: 'look_up',
      description: 'Looks something up; changes nothing.',
      effect: 'read',
      run: async ({ what }) => ({ text: `found ${what}` }),
    }),
    defineTool({
      ...base,
      name: 'book_room',
      description: 'Books a room. The same key books once.',
      effect: 'keyed',
      async run({ what }, { idempotencyKey }) {
        note({ tool: 'book_room', what, key: idempotencyKey });
        return { text: `booked ${what}` };
      },
      async undo({ what }, receipt, { idempotencyKey }) {
        note({ tool: 'book_room', undo: what, key: idempotencyKey, of: receipt.idempotencyKey });
        if (what === 'no way back') throw failure('tool.failed', 'The hotel keeps the booking.');
        return { text: `cancelled ${receipt.text}` };
      },
    }),
    defineTool({
      ...base,
      name: 'send_letter',
      description: 'Sends a letter. Each call sends one.',
      effect: 'unkeyed',
      async run({ what }) {
        note({ tool: 'send_letter', what });
        return { text: `sent ${what}` };
      },
    }),
  ];
};

export { createEffectTools as default };
