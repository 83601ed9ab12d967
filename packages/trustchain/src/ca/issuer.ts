import type { Clock, Crypto, Entropy } from '@hypermesh/stoq';
import { encodeBundle } from '../certificate/bundle.ts';
import type { Certificate } from '../certificate/certificate.ts';
import { signCertificate, type SigningPair } from '../certificate/issuance.ts';
import type { CertificateRequest } from '../certificate/request.ts';
import { LEAF_LIFETIME_MS_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import type { Log } from '../log/log.ts';
import type { LogReceipt } from '../log/pending-entry.ts';
import { assertIssuerKeys, newSerial } from './authority.ts';

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
  /** Of certificates. */
  readonly log: Pick<Log, 'add' | 'receipt'>;
}

/** Signs leaves; nothing leaves it that is not in the log. It trusts its caller to have judged the request. */
export interface Issuer {
  /** An encoded bundle. */
  issue(request: CertificateRequest, options: { signal: AbortSignal }): Promise<Uint8Array>;
  /** The bundle of a logged leaf under a current checkpoint. */
  bundleOf(leaf: Uint8Array, logIndex: number): Promise<Uint8Array>;
}

/** Throws `trustchain.config_invalid` when the keys are not those of the intermediate. */
export function createIssuer(config: IssuerConfig, components: IssuerComponents): Issuer {
  const { intermediate, leafLifetimeMs } = config;
  const { crypto, clock, entropy, keys, log } = components;
  assertIssuerKeys(intermediate, keys);
  if (leafLifetimeMs > LEAF_LIFETIME_MS_MAX) throw trustError('trustchain.config_invalid', { field: 'leafLifetimeMs' });

  const bundle = (leaf: Uint8Array, receipt: LogReceipt): Uint8Array => {
    const { index: logIndex, proof: inclusionProof, checkpoint } = receipt;
    return encodeBundle({ leaf, intermediates: [intermediate.der], logIndex, inclusionProof, checkpoint, rotations: [] });
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
      return bundle(leaf.der, await log.add(leaf.der, options));
    },
    bundleOf: async (leaf, logIndex) => bundle(leaf, await log.receipt(logIndex)),
  };
}
