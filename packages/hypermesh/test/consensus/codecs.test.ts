import { decode as decodeCbor, encode as encodeCbor } from 'cborg';
import { type Codec, CodedError, decode, encode } from '@hypermesh/stoq';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockCodec, blockIdOf, chainBlockCodec } from '../../src/consensus/block.ts';
import { quorumCertificateCodec, timeoutCertificateCodec } from '../../src/consensus/certificate.ts';
import { ANNOUNCED_DIGESTS_MAX, BATCHES_PER_BLOCK_MAX, CONSENSUS_MESSAGE_BYTES_MAX } from '../../src/consensus/constants.ts';
import { evidenceCodec, evidenceOf } from '../../src/consensus/evidence.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../../src/consensus/messages.ts';
import { safetyStateCodec } from '../../src/consensus/safety-state.ts';
import { proposalStatementCodec, timeoutCodec, voteCodec } from '../../src/consensus/statements.ts';
import { Bench, digestOf, MESH_ID } from './bench.ts';

const bench = new Bench();
const first = bench.child(bench.genesis, { batches: [digestOf('a'), digestOf('b')] });
const qc = bench.qc(first);
const tc = bench.tc(2, [1, 0, 1]);
const block = bench.block(3, qc);
const { vote, signature } = bench.vote(2, 1, first.id);
const slot = { offence: 'double-vote', meshId: MESH_ID, epoch: 0, round: 1, validator: 2 } as const;

const messages: readonly ConsensusMessage[] = [
  bench.proposal(block, tc),
  bench.vote(2, 1, first.id),
  bench.timeout(1, 3, qc, tc),
  { kind: 'certificates', highQc: qc, tc: null },
  { kind: 'announcement', digests: [digestOf('a')] },
];

const samples: readonly { name: string; codec: Codec<unknown>; object: unknown }[] = [
  { name: 'block', codec: blockCodec, object: block },
  { name: 'chain block', codec: chainBlockCodec, object: first },
  { name: 'quorum certificate', codec: quorumCertificateCodec, object: qc },
  { name: 'timeout certificate', codec: timeoutCertificateCodec, object: tc },
  { name: 'vote', codec: voteCodec, object: vote },
  { name: 'timeout', codec: timeoutCodec, object: { meshId: MESH_ID, epoch: 0, round: 3, highQcRound: 1 } },
  {
    name: 'proposal statement',
    codec: proposalStatementCodec,
    object: { meshId: MESH_ID, epoch: 0, round: 3, blockId: first.id, proposer: 3 },
  },
  { name: 'safety state', codec: safetyStateCodec, object: { epoch: 0, lastVotedRound: 3, lastProposedRound: 1, highQc: qc, tc } },
  {
    name: 'evidence',
    codec: evidenceCodec,
    object: evidenceOf(slot, { blockId: first.id, signature }, { blockId: digestOf('c'), signature }),
  },
  ...messages.map((object) => ({ name: object.kind, codec: consensusMessageCodec, object })),
] as readonly { name: string; codec: Codec<unknown>; object: unknown }[];

describe.each(samples)('codec of a $name', ({ codec, object }) => {
  const bytes = encode(codec, object);

  it('round-trips', () => {
    expect(decode(codec, bytes)).toEqual(object);
  });

  it('answers every changed, cut or extended encoding with a coded error, or decodes it to what it says', () => {
    const change = fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255), cut: fc.boolean(), tail: fc.uint8Array({ maxLength: 3 }) });
    fc.assert(
      fc.property(change, ({ at, to, cut, tail }) => {
        const changed = Buffer.concat([cut ? bytes.subarray(0, at) : bytes, tail]);
        if (!cut) changed[at] = to;
        const input = new Uint8Array(changed);
        let decoded: unknown;
        try {
          decoded = decode(codec, input);
        } catch (error) {
          expect(error).toBeInstanceOf(CodedError);
          return;
        }
        expect(Buffer.from(encode(codec, decoded))).toEqual(changed);
      }),
      { numRuns: 200 },
    );
  });
});

it('answers random bytes with a coded error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
      expect(() => decode(consensusMessageCodec, input)).toThrow(CodedError);
    }),
    { numRuns: 300 },
  );
});

it('keeps the id of a block', () => {
  expect(Buffer.from(blockIdOf(bench.genesis.block)).toString('hex')).toBe(
    'af1698bacecff0e12fe73dace7ae8eba2ece43f9718ea7735576df50d0d075e2',
  );
});

it('refuses a reconfiguration as unsupported', () => {
  const value = decodeCbor(encode(blockCodec, block)) as unknown[];
  const changed = encodeCbor(value.with(6, [1]));
  expect(() => decode(blockCodec, changed)).toThrow(expect.objectContaining({ code: 'hypermesh.unsupported' }));
});

it.each([
  {
    what: 'batches of a block',
    make: () => encode(blockCodec, { ...block, batches: Array.from({ length: BATCHES_PER_BLOCK_MAX + 1 }, () => MESH_ID) }),
  },
  {
    what: 'digests of an announcement',
    make: () =>
      encode(consensusMessageCodec, { kind: 'announcement', digests: Array.from({ length: ANNOUNCED_DIGESTS_MAX + 1 }, () => MESH_ID) }),
  },
])('limits the $what', ({ make }) => {
  expect(make).toThrow(expect.objectContaining({ code: 'stoq.codec_limit' }));
});

it('fits the largest proposal into the limit of a message', () => {
  const count = 100;
  const signatures = Array.from({ length: count }, () => ({ algorithm: 'ml-dsa-65' as const, bytes: new Uint8Array(3309).fill(1) }));
  const bitmap = new Uint8Array(13).fill(255);
  const round = Number.MAX_SAFE_INTEGER;
  const largest = {
    ...block,
    round,
    parent: { round, blockId: MESH_ID, bitmap, signatures },
    batches: Array.from({ length: BATCHES_PER_BLOCK_MAX }, () => MESH_ID),
  };
  const largestTc = { round, bitmap, highQcRounds: signatures.map(() => round), signatures };
  const message = { kind: 'proposal', block: largest, signature: signatures[0]!, tc: largestTc } as const;
  const encoded = encode(consensusMessageCodec, message);
  expect(encoded.length).toBeLessThanOrEqual(CONSENSUS_MESSAGE_BYTES_MAX);
  expect(decode(consensusMessageCodec, encoded)).toEqual(message);
});
