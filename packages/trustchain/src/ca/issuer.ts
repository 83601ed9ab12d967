import type { Clock, Crypto, Entropy } from '@hypermesh/stoq';
import { type Bundle, encodeBundle } from '../certificate/bundle.ts';
import type { Certificate } from '../certificate/certificate.ts';
import { signCertificate, type SigningPair } from '../certificate/issuance.ts';
import type { CertificateRequest } from '../certificate/request.ts';
import { LEAF_LIFETIME_MS_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import { assertIssuerKeys, newSerial } from './authority.ts';

/** What the log says of one entry: it is durable, integrated and under this checkpoint. */
export interface LogReceipt {
  readonly index: number;
  readonly inclusionProof: readonly Uint8Array[];
  /** Signed note, with the cosignatures that the present witness policy demands. */
  readonly checkpoint: Uint8Array;
}

/** The certificate log as issuance needs it. */
export interface CertificateLog {
  /** Resolves when the entry may be shown; a duplicate answers with the first entry. */
  append(entry: Uint8Array, options: { signal: AbortSignal }): Promise<LogReceipt>;
  /** The entry at the index under a checkpoint that satisfies the present witness policy. */
  receiptOf(index: number, options: { signal: AbortSignal }): Promise<LogReceipt>;
}

export interface IssuerConfig {
  readonly intermediate: Certificate;
  /** At most 24 h. */
  readonly leafLifetimeMs: number;
}

export interface IssuerComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly keys: SigningPair;
  readonly log: CertificateLog;
}

/** Signs leaves; nothing leaves it that is not in the log. It trusts its caller to have judged the request. */
export interface Issuer {
  /** An encoded bundle. */
  issue(request: CertificateRequest, options: { signal: AbortSignal }): Promise<Uint8Array>;
  /** The bundle of a logged leaf under a current checkpoint. */
  bundleOf(leaf: Uint8Array, logIndex: number, options: { signal: AbortSignal }): Promise<Uint8Array>;
}

/** Throws `trustchain.config_invalid` when the keys are not those of the intermediate. */
export function createIssuer(config: IssuerConfig, components: IssuerComponents): Issuer {
  const { intermediate, leafLifetimeMs } = config;
  const { crypto, clock, entropy, keys, log } = components;
  assertIssuerKeys(intermediate, keys);
  if (leafLifetimeMs > LEAF_LIFETIME_MS_MAX) throw trustError('trustchain.config_invalid', { field: 'leafLifetimeMs' });

  const bundle = (leaf: Uint8Array, receipt: LogReceipt): Uint8Array => {
    const { index, inclusionProof, checkpoint } = receipt;
    const parts: Bundle = { leaf, intermediates: [intermediate.der], logIndex: index, inclusionProof, checkpoint, rotations: [] };
    return encodeBundle(parts);
  };

  return {
    async issue(request, options) {
      const notBefore = clock.now();
      const leaf = await signCertificate(
        {
          profile: 'leaf',
          serial: newSerial(entropy),
          issuerName: intermediate.commonName,
          commonName: request.commonName,
          notBefore,
          notAfter: Math.min(notBefore + leafLifetimeMs, intermediate.notAfter),
          key: request.key,
          identity: request.identity,
          alternativeNames: request.alternativeNames,
        },
        keys,
        crypto,
      );
      return bundle(leaf.der, await log.append(leaf.der, options));
    },
    bundleOf: async (leaf, logIndex, options) => bundle(leaf, await log.receiptOf(logIndex, options)),
  };
}
