import type { Crypto } from '@hypermesh/stoq';
import { describe, expect, it } from 'vitest';
import { bitmapOf, type QuorumCertificate, type TimeoutCertificate, votersOf } from '../../src/consensus/certificate.ts';
import { CertificateVerifier } from '../../src/consensus/certificate-verifier.ts';
import { VERIFIED_CERTIFICATES_MAX } from '../../src/consensus/constants.ts';
import { Bench, digestOf, MESH_ID } from './bench.ts';

const bench = new Bench({ count: 5 });
const { validators, genesisQc, signatures } = bench;
const first = bench.child(bench.genesis);
const qc = bench.qc(first);
const tc = bench.tc(2, [0, 1, 1, 0]);

function verifierOf(verify: Crypto['verify'] = signatures.verify): CertificateVerifier {
  return new CertificateVerifier({ meshId: MESH_ID, epoch: 0, validators, genesisQc }, verify);
}

describe('verifyQuorum', () => {
  it.each<[string, QuorumCertificate]>([
    ['a quorum', qc],
    ['more than a quorum', bench.qc(first, [0, 1, 2, 3, 4])],
    ['another quorum', bench.qc(first, [1, 2, 3, 4])],
    ['the genesis certificate', genesisQc],
  ])('accepts %s', (_, certificate) => {
    expect(verifierOf().verifyQuorum(certificate)).toBe(true);
  });

  it.each<[string, QuorumCertificate]>([
    ['less than a quorum', bench.qc(first, [0, 1, 2])],
    ['another round', { ...qc, round: 2 }],
    ['another block', { ...qc, blockId: digestOf('x') }],
    ['signatures in another order', { ...qc, signatures: qc.signatures.toReversed() }],
    ['a signature too many', { ...qc, signatures: [...qc.signatures, qc.signatures[0]!] }],
    ['a signature too few', { ...qc, signatures: qc.signatures.slice(1) }],
    ['other voters', { ...qc, bitmap: bitmapOf([0, 1, 2, 4], 5) }],
    ['a long bitmap', { ...qc, bitmap: Uint8Array.of(qc.bitmap[0]!, 0) }],
    ['a voter beyond the set', { ...qc, bitmap: Uint8Array.of(qc.bitmap[0]! | 0x80) }],
    ['another genesis', { ...genesisQc, blockId: first.id }],
    ['genesis with a voter', { ...genesisQc, bitmap: bitmapOf([0], 5) }],
    ['genesis with a signature', { ...genesisQc, signatures: qc.signatures }],
  ])('refuses %s', (_, certificate) => {
    expect(verifierOf().verifyQuorum(certificate)).toBe(false);
  });

  it('refuses the certificate of another mesh or epoch', () => {
    for (const other of [{ meshId: digestOf('mesh') }, { epoch: 1 }]) {
      const verifier = new CertificateVerifier({ meshId: MESH_ID, epoch: 0, validators, genesisQc, ...other }, signatures.verify);
      expect(verifier.verifyQuorum(qc)).toBe(false);
    }
  });
});

describe('verifyTimeout', () => {
  it('accepts a quorum', () => {
    expect(verifierOf().verifyTimeout(tc)).toBe(true);
  });

  it.each<[string, TimeoutCertificate]>([
    ['another round', { ...tc, round: 3 }],
    ['a lower highest round', { ...tc, highQcRounds: [0, 0, 1, 0] }],
    ['a highest round that is not over', { ...tc, highQcRounds: [0, 2, 1, 0] }],
    ['a missing highest round', { ...tc, highQcRounds: [0, 1, 1] }],
    ['no signers', { round: 2, bitmap: bitmapOf([], 5), highQcRounds: [], signatures: [] }],
  ])('refuses %s', (_, certificate) => {
    expect(verifierOf().verifyTimeout(certificate)).toBe(false);
  });
});

describe('the cache', () => {
  function counted(): { verifier: CertificateVerifier; count: () => number } {
    let calls = 0;
    const verifier = verifierOf((key, message, signature) => {
      calls++;
      return signatures.verify(key, message, signature);
    });
    return { verifier, count: () => calls };
  }

  it('verifies each certificate once', () => {
    const { verifier, count } = counted();
    for (let index = 0; index < 3; index++) expect(verifier.verifyQuorum({ ...qc })).toBe(true);
    expect(count()).toBe(validators.quorum);
  });

  it('does not take altered signatures for a certificate that was verified', () => {
    const { verifier } = counted();
    verifier.verifyQuorum(qc);
    const [signature, ...others] = qc.signatures;
    const forged = { ...signature!, bytes: signature!.bytes.map((byte) => byte ^ 1) };
    expect(verifier.verifyQuorum({ ...qc, signatures: [forged, ...others] })).toBe(false);
  });

  it('forgets the oldest', () => {
    const { verifier, count } = counted();
    verifier.verifyQuorum(qc);
    for (let round = 2; round <= VERIFIED_CERTIFICATES_MAX + 1; round++) verifier.verifyTimeout(bench.tc(round));
    const before = count();
    verifier.verifyQuorum(qc);
    expect(count()).toBe(before + validators.quorum);
  });
});

describe('votersOf', () => {
  it.each([
    { voters: [], size: 4 },
    { voters: [0, 7, 8, 99], size: 100 },
    { voters: [1, 2], size: 3 },
  ])('reads what bitmapOf wrote: $voters of $size', ({ voters, size }) => {
    expect(votersOf(bitmapOf(voters, size), size)).toEqual(voters);
  });
});
