import { encode, HASH_BYTES } from '@hypermesh/stoq';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FollowItem } from '../../src/api.ts';
import { type Block, blockCodec, blockIdOf } from '../../src/consensus/block.ts';
import { FollowAssembler } from '../../src/follower/follow-assembler.ts';
import { LogVerifier } from '../../src/follower/log-verifier.ts';
import { batchDigest, encodeBatch } from '../../src/transaction/batch.ts';
import { commitProofCodec } from '../../src/validator/block-store.ts';
import { createMeshKeys, LocalMesh, type MeshKeys } from '../validator/local-mesh.ts';
import { TestChain } from './chain.ts';

let keys: MeshKeys;
let mesh: LocalMesh;
let verifier: LogVerifier;
beforeAll(async () => {
  keys = await createMeshKeys({ voteAlgorithm: 'ed25519', accounts: 0 });
  mesh = await LocalMesh.create(keys);
}, 60_000);
afterAll(async () => {
  await mesh.close();
  await keys.crypto.close();
});

let chain: TestChain;
let assembler: FollowAssembler;
beforeEach(() => {
  verifier = new LogVerifier(mesh.genesis, keys.crypto);
  chain = new TestChain(mesh.genesis, keys);
  assembler = new FollowAssembler(verifier, chain.genesis.id);
});

const batch = encodeBatch([Uint8Array.of(1)]);
const other = encodeBatch([Uint8Array.of(2)]);
const item = async (blocks: readonly Block[], child: Block, fields: object = {}): Promise<FollowItem> => ({
  kind: 'final',
  blocks: blocks.map((block) => encode(blockCodec, block)),
  proof: encode(commitProofCodec, { ...(await chain.proof(child)), ...fields }),
});
const malformed = expect.objectContaining({ code: 'hypermesh.block_malformed' });
const uncertified = expect.objectContaining({ code: 'hypermesh.certificate_invalid' });

describe('a follow stream', () => {
  test('gives each final block once its batches are there', async () => {
    const first = await chain.next();
    const second = await chain.next({ batches: [batchDigest(batch), batchDigest(other)] });
    const third = await chain.next();
    const child = await chain.next();
    expect(assembler.take({ kind: 'idle' })).toEqual([]);
    expect(assembler.take(await item([first, second, third], child)).map(({ id }) => id)).toEqual([blockIdOf(first)]);
    expect(assembler.take({ kind: 'batch', batch })).toEqual([]);
    const rest = assembler.take({ kind: 'batch', batch: other });
    expect(rest.map(({ id, batches }) => [id, batches.length])).toEqual([
      [blockIdOf(second), 2],
      [blockIdOf(third), 0],
    ]);
    // The stream goes on after the last block.
    const fifth = await chain.next();
    expect(assembler.take(await item([child], fifth))).toHaveLength(1);
  });

  test('a gap of rounds before the last block is no harm; one after it proves nothing', async () => {
    const first = await chain.next();
    const second = await chain.next({ round: 5 });
    const third = await chain.next({ round: 9 });
    expect(() => assembler.take({ kind: 'batch', batch })).toThrow(expect.objectContaining({ code: 'hypermesh.batch_malformed' }));
    const unproved = await item([first, second], third);
    expect(() => assembler.take(unproved)).toThrow(uncertified);
    const fourth = await chain.next();
    const proved = await item([first, second, third], fourth);
    expect(assembler.take(proved)).toHaveLength(3);
  });

  test('refuses what an honest validator does not send', async () => {
    const first = await chain.next();
    const second = await chain.next();
    const third = await chain.next();
    const good = await item([first], second);
    const take =
      (bad: FollowItem): (() => unknown) =>
      () =>
        new FollowAssembler(verifier, chain.genesis.id).take(bad);
    expect(take(good)).not.toThrow();
    const skipped = await item([second], third);
    expect(take(skipped)).toThrow(malformed);
    const unlinked = await item([first], third);
    expect(take(unlinked)).toThrow(malformed);
    const altered = await item([{ ...first, time: 99 }], second);
    expect(take(altered)).toThrow(malformed);
    const garbage: FollowItem = { kind: 'final', blocks: [Uint8Array.of(0xff)], proof: new Uint8Array() };
    expect(take(garbage)).toThrow(malformed);
    const few = await item([first], second, { qc: await chain.certificate(second, [0, 1]) });
    expect(take(few)).toThrow(uncertified);
    const foreign = await item([first], second, { qc: await chain.certificate(third) });
    expect(take(foreign)).toThrow(uncertified);
    const certificate = await chain.certificate(second);
    const forged = await item([first], second, { qc: { ...certificate, signatures: certificate.signatures.toReversed() } });
    expect(take(forged)).toThrow(uncertified);
  });

  test('refuses other batches, and blocks before the batches of those before them', async () => {
    const first = await chain.next({ batches: [batchDigest(batch)] });
    const second = await chain.next();
    const third = await chain.next();
    const next = await item([second], third);
    assembler.take(await item([first], second));
    expect(() => assembler.take({ kind: 'batch', batch: other })).toThrow(expect.objectContaining({ code: 'hypermesh.batch_malformed' }));
    expect(() => assembler.take(next)).toThrow(malformed);
  });
});

describe('a certified block', () => {
  test('is one that a quorum of the mesh has signed', async () => {
    const block = await chain.next();
    const qc = await chain.certificate(block);
    expect(() => verifier.assertCertified({ block, qc })).not.toThrow();
    const cases: [string, Parameters<LogVerifier['assertCertified']>[0]][] = [
      ['another block', { block: { ...block, time: 7 }, qc }],
      ['another mesh', await foreign({ ...block, meshId: new Uint8Array(HASH_BYTES) })],
      ['the genesis block', { block: chain.genesis.block, qc: { ...qc, round: 0, blockId: chain.genesis.id, signatures: [] } }],
    ];
    for (const [, certified] of cases) expect(() => verifier.assertCertified(certified)).toThrow(uncertified);
  });

  async function foreign(block: Block): Promise<Parameters<LogVerifier['assertCertified']>[0]> {
    return { block, qc: await chain.certificate(block) };
  }
});
