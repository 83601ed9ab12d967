import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  openProvenance,
  PROVENANCE_BODY_BYTES_MAX,
  type ProvenanceEntry,
  provenanceHash,
  verifyChain,
} from '../../src/proof/provenance.ts';

const NODE = new Uint8Array(32).fill(1);

async function chainFile(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'provenance-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return join(directory, 'chain');
}

/** A file with a genesis and two verdicts. */
async function written(): Promise<{ path: string; entries: readonly ProvenanceEntry[]; head: Uint8Array }> {
  const path = await chainFile();
  const chain = await openProvenance(path, NODE);
  expect(chain.head).toEqual(NODE);
  await chain.append('genesis', Uint8Array.of(1), 10);
  await chain.append('verdict', Uint8Array.of(2), 20);
  await chain.append('verdict', Uint8Array.of(3), 30);
  const entries = await chain.read();
  await chain.close();
  return { path, entries, head: chain.head };
}

describe('the provenance chain', () => {
  it('survives a restart and goes on', async () => {
    const { path, entries, head } = await written();
    const chain = await openProvenance(path, NODE);
    expect([chain.length, chain.head]).toEqual([3, head]);
    await chain.append('description', Uint8Array.of(4), 40);
    await chain.close();
    const again = await openProvenance(path, NODE);
    expect(await again.read()).toMatchObject([...entries, { index: 3, previous: head, kind: 'description', time: 40 }]);
    expect(verifyChain(NODE, await again.read())).toEqual(again.head);
    await again.close();
  });

  it('cuts an entry that was not written whole, at every byte', async () => {
    const { path, entries } = await written();
    const whole = await readFile(path);
    const second = 4 + new DataView(whole.buffer, whole.byteOffset).getUint32(0);
    const third = second + 4 + new DataView(whole.buffer, whole.byteOffset).getUint32(second);
    for (let length = third; length < whole.length; length++) {
      await writeFile(path, whole.subarray(0, length));
      const chain = await openProvenance(path, NODE);
      expect(chain.length).toBe(2);
      await chain.append('verdict', Uint8Array.of(3), 30);
      expect(await chain.read()).toEqual(entries);
      await chain.close();
    }
    await appendFile(path, new Uint8Array(64));
    const chain = await openProvenance(path, NODE);
    expect(chain.length).toBe(3);
    await chain.close();
  });

  it('refuses a changed byte anywhere, a missing entry and another node', async () => {
    const { path, entries } = await written();
    const whole = await readFile(path);
    const corrupt = { code: 'hypermesh.provenance_corrupt' };
    const first = 4 + new DataView(whole.buffer, whole.byteOffset).getUint32(0);
    for (const at of [5, 20, first - 1, first + 5]) {
      const bad = Buffer.from(whole);
      bad[at]! ^= 0x40;
      await writeFile(path, bad);
      await expect(openProvenance(path, NODE), `byte ${at}`).rejects.toMatchObject(corrupt);
    }
    await writeFile(path, whole.subarray(first));
    await expect(openProvenance(path, NODE)).rejects.toMatchObject(corrupt);
    await writeFile(path, whole);
    await expect(openProvenance(path, new Uint8Array(32))).rejects.toMatchObject(corrupt);
    await truncate(path);
    await appendFile(path, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0));
    await expect(openProvenance(path, NODE)).rejects.toMatchObject(corrupt);
    expect(() => verifyChain(NODE, [...entries].reverse())).toThrowError(expect.objectContaining(corrupt));
    const second = { ...entries[1]!, kind: 'genesis' as const };
    expect(() => verifyChain(NODE, [entries[0]!, second])).toThrowError(expect.objectContaining(corrupt));
    expect(provenanceHash(second)).not.toEqual(provenanceHash(entries[1]!));
  });

  it('takes no body above its limit', async () => {
    const path = await chainFile();
    const chain = await openProvenance(path, NODE);
    await expect(chain.append('genesis', new Uint8Array(PROVENANCE_BODY_BYTES_MAX + 1), 0)).rejects.toMatchObject({
      code: 'stoq.codec_limit',
    });
    await chain.append('genesis', new Uint8Array(PROVENANCE_BODY_BYTES_MAX), 0);
    await chain.close();
    await (await openProvenance(path, NODE)).close();
  });
});
