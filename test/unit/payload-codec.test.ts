/**
 * Proven: a payload goes to Temporal as bytes of the tenant its workflow's id names, comes back as it was, and nowhere else;
 * old keys and plain payloads are read; the operators' codec opens only what the caller may see.
 */
import type { Payload, SerializationContext } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { ownerOf } from '../../adapters/temporal/encrypted-payload.js';
import { createOperatorCodec } from '../../adapters/temporal/operator-codec.js';
import { createPayloadCodec } from '../../adapters/temporal/payload-codec.js';
import { aKeyRing, aPayloadCipher } from '../support/in-memory-tenant-keys.js';

const aPayload = (value: unknown): Payload => ({
  metadata: { encoding: Buffer.from('json/plain'), more: new Uint8Array([0, 255, 1]) },
  data: Buffer.from(JSON.stringify(value)),
});
const inWorkflow = (workflowId: string): SerializationContext => ({
  type: 'workflow',
  namespace: 'default',
  workflowId,
});
const inActivity = (workflowId: string): SerializationContext => ({
  type: 'activity',
  namespace: 'default',
  workflowId,
  activityId: '1',
  isLocal: false,
});
const bare = (payload: Payload | undefined): unknown => ({
  metadata: Object.fromEntries(Object.entries(payload?.metadata ?? {}).map(([key, value]) => [key, [...value]])),
  data: [...(payload?.data ?? [])],
});
const ID = 'conversation/acme/conv_1';

describe('payload codec', () => {
  it('encode -> nothing readable, whose it is in the metadata; decode -> byte for byte what it was', async () => {
    const codec = createPayloadCodec(aPayloadCipher());
    const payloads = [aPayload({ canary: 'kanarienvogel' }), { data: new Uint8Array() }, aPayload(null)];
    const sent = await codec.encode(payloads, inActivity(ID));
    for (const payload of sent) {
      expect(Buffer.from(payload.data ?? []).includes('kanarien')).toBe(false);
      expect(Object.keys(payload.metadata ?? {}).sort()).toEqual(['encoding', 'encryption-key-id']);
      expect(ownerOf(payload)).toMatchObject({ tenantId: 'acme' });
    }
    const back = await codec.decode(sent, inWorkflow(ID));
    expect(back.map(bare)).toEqual(
      [aPayload({ canary: 'kanarienvogel' }), { data: new Uint8Array() }, aPayload(null)].map(bare),
    );
  });

  it('equal payloads -> different bytes', async () => {
    const codec = createPayloadCodec(aPayloadCipher());
    const [one, two] = await codec.encode([aPayload('x'), aPayload('x')], inWorkflow(ID));
    expect(Buffer.from(one?.data ?? [])).not.toEqual(Buffer.from(two?.data ?? []));
  });

  it('decode in another workflow, of the same tenant or another -> refused', async () => {
    const codec = createPayloadCodec(aPayloadCipher());
    const sent = await codec.encode([aPayload('x')], inWorkflow(ID));
    for (const elsewhere of ['conversation/acme/conv_2', 'conversation/other/conv_1', 'conversation/conv_1'])
      await expect(codec.decode(sent, inWorkflow(elsewhere))).rejects.toMatchObject({ code: 'secrets.unreadable' });
    await expect(codec.decode(sent, inWorkflow(`${ID}-2026-01-01T00:00:00Z`))).resolves.toHaveLength(1);
  });

  it('a payload that claims another tenant’s key -> does not open', async () => {
    const ring = aKeyRing();
    const codec = createPayloadCodec(aPayloadCipher(ring));
    const [sent] = await codec.encode([aPayload('x')], inWorkflow(ID));
    const { id } = await ring.current('other');
    const forged = { ...sent, metadata: { ...sent?.metadata, 'encryption-key-id': Buffer.from(`other/${id}`) } };
    await expect(codec.decode([forged], inWorkflow('turn/other/resp_1'))).rejects.toMatchObject({
      code: 'secrets.unreadable',
    });
  });

  it('rotated -> new key id, the old payloads still open', async () => {
    const ring = aKeyRing();
    const codec = createPayloadCodec(aPayloadCipher(ring));
    const before = await codec.encode([aPayload('old')], inWorkflow(ID));
    const id = await ring.rotate('acme');
    const after = await codec.encode([aPayload('new')], inWorkflow(ID));
    expect(after.map(ownerOf)).toEqual([{ tenantId: 'acme', keyId: id }]);
    expect(before.map(ownerOf)).not.toEqual([{ tenantId: 'acme', keyId: id }]);
    expect((await codec.decode([...before, ...after], inWorkflow(ID))).map(bare)).toEqual(
      ['old', 'new'].map(aPayload).map(bare),
    );
  });

  it('plain payloads and runs under older ids -> read and written as they were', async () => {
    const codec = createPayloadCodec(aPayloadCipher());
    const plain = [aPayload('x')];
    expect(await codec.decode(plain, inWorkflow(ID))).toEqual(plain);
    expect(await codec.encode(plain, inWorkflow('turn/resp_1'))).toEqual(plain);
  });

  it('of no workflow -> encrypted for the installation itself; of an id that hides its tenant -> not sent', async () => {
    const codec = createPayloadCodec(aPayloadCipher());
    const sent = await codec.encode([aPayload('x')]);
    expect(sent.map(ownerOf)).toMatchObject([{ tenantId: 'default' }]);
    expect((await codec.decode(sent)).map(bare)).toEqual([bare(aPayload('x'))]);
    await expect(codec.decode(sent, inWorkflow(ID))).rejects.toMatchObject({ code: 'secrets.unreadable' });
    await expect(codec.encode([aPayload('x')], inWorkflow('whatever'))).rejects.toThrow(/workflowIdOf/);
    expect(await codec.encode([])).toEqual([]);
  });
});

describe('operator codec', () => {
  const json = { metadata: { encoding: Buffer.from('json/plain').toString('base64') }, data: btoa('"hello"') };

  it('decode: own payloads -> opened and named; others’ and plain ones -> as they came', async () => {
    const cipher = aPayloadCipher();
    const codec = createPayloadCodec(cipher);
    const toJson = (payload: Payload | undefined): typeof json => ({
      metadata: Object.fromEntries(
        Object.entries(payload?.metadata ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      ) as (typeof json)['metadata'],
      data: Buffer.from(payload?.data ?? []).toString('base64'),
    });
    const [mine] = await codec.encode([aPayload('mine')], inWorkflow(ID));
    const [theirs] = await codec.encode([aPayload('theirs')], inWorkflow('turn/other/resp_1'));
    const asked = [toJson(mine), toJson(theirs), json];
    const answered = await createOperatorCodec(cipher).decode(asked, (tenantId) => tenantId === 'acme');
    expect(answered.map(({ opened }) => opened)).toEqual([{ tenantId: 'acme', workflowId: ID }, null, null]);
    expect(atob(answered[0]?.payload.data ?? '')).toBe('"mine"');
    expect(answered.slice(1).map(({ payload }) => payload)).toEqual(asked.slice(1));
  });

  it('decode: a damaged payload -> request.invalid naming its place', async () => {
    const operator = createOperatorCodec(aPayloadCipher());
    const [sealed] = await operator.encode('acme', [json]);
    const damaged = { ...sealed, data: btoa('not what was sealed, but long enough') };
    await expect(operator.decode([json, damaged], () => true)).rejects.toMatchObject({
      code: 'request.invalid',
      param: 'payloads[1]',
    });
  });

  it('encode: for a tenant -> a workflow of that tenant reads it, one of another does not', async () => {
    const cipher = aPayloadCipher();
    const [sealed] = await createOperatorCodec(cipher).encode('acme', [json]);
    const payload = {
      metadata: Object.fromEntries(
        Object.entries(sealed?.metadata ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
      ),
      data: Buffer.from(sealed?.data ?? '', 'base64'),
    };
    const codec = createPayloadCodec(cipher);
    const [read] = await codec.decode([payload], inWorkflow(ID));
    expect(Buffer.from(read?.data ?? []).toString()).toBe('"hello"');
    await expect(codec.decode([payload], inWorkflow('turn/other/resp_1'))).rejects.toThrow();
  });
});
