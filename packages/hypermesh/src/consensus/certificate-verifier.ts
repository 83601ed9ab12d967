import { blake3, type Crypto, equalBytes, type PublicKey, type Signature, type SignatureAlgorithm } from '@hypermesh/stoq';
import { byteKey } from './byte-key.ts';
import { type QuorumCertificate, type TimeoutCertificate, votersOf } from './certificate.ts';
import { VERIFIED_CERTIFICATES_MAX } from './constants.ts';
import { RecentKeys } from './recent-keys.ts';
import { timeoutMessage, voteMessage } from './statements.ts';
import type { ValidatorSet } from './validator-set.ts';

export interface CertificateVerifierConfig {
  readonly meshId: Uint8Array;
  readonly epoch: number;
  readonly validators: ValidatorSet;
  /** The one certificate of round 0. */
  readonly genesisQc: QuorumCertificate;
}

/** Verifies certificates, each once: the key of the cache covers every byte, the signatures included. */
export class CertificateVerifier {
  readonly #config: CertificateVerifierConfig;
  readonly #verify: Crypto['verify'];
  readonly #verified = new RecentKeys(VERIFIED_CERTIFICATES_MAX);

  constructor(config: CertificateVerifierConfig, verify: Crypto['verify']) {
    this.#config = config;
    this.#verify = verify;
  }

  verifyQuorum(qc: QuorumCertificate): boolean {
    const { meshId, epoch, genesisQc } = this.#config;
    if (qc.round === 0)
      return equalBytes(qc.blockId, genesisQc.blockId) && qc.signatures.length === 0 && isZero(qc.bitmap, genesisQc.bitmap);
    const { round, blockId } = qc;
    const key = certificateKey('qc', [round, byteKey(blockId)], qc);
    return this.#once(key, qc, (voter) => voteMessage({ meshId, epoch, round, blockId, voter }));
  }

  verifyTimeout(tc: TimeoutCertificate): boolean {
    const { meshId, epoch } = this.#config;
    const { round, highQcRounds } = tc;
    if (highQcRounds.length !== tc.signatures.length || highQcRounds.some((highQcRound) => highQcRound >= round)) return false;
    const key = certificateKey('tc', [round, ...highQcRounds], tc);
    return this.#once(key, tc, (_voter, index) => timeoutMessage({ meshId, epoch, round, highQcRound: highQcRounds[index] as number }));
  }

  #once(key: string, { bitmap, signatures }: Signatures, messageOf: (voter: number, index: number) => Uint8Array): boolean {
    if (this.#verified.has(key)) return true;
    const { size, quorum, voteKeys } = this.#config.validators;
    const voters = votersOf(bitmap, size);
    if (voters === null || voters.length < quorum || voters.length !== signatures.length) return false;
    const valid = voters.every((voter, index) =>
      this.#verify(voteKeys[voter] as PublicKey<SignatureAlgorithm>, messageOf(voter, index), signatures[index] as Signature),
    );
    if (valid) this.#verified.add(key);
    return valid;
  }
}

type Signatures = Pick<QuorumCertificate, 'bitmap' | 'signatures'>;

function isZero(bitmap: Uint8Array, zero: Uint8Array): boolean {
  return equalBytes(bitmap, zero);
}

/** Distinct certificates have distinct keys: the head gives the length of all that follows. */
function certificateKey(kind: 'qc' | 'tc', head: readonly (number | string)[], { bitmap, signatures }: Signatures): string {
  const lengths = signatures.map(({ algorithm, bytes }) => `${algorithm}:${bytes.length}`);
  const text = Buffer.from(`${kind} ${head.join()} ${lengths.join()} `);
  return byteKey(blake3(Buffer.concat([text, bitmap, ...signatures.map(({ bytes }) => bytes)])));
}
