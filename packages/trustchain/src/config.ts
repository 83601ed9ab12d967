import { join } from 'node:path';
import { type Crypto, type Entropy, type HybridSigner } from '@hypermesh/stoq';
import { type DaemonConfig, daemonConfigShape } from '@hypermesh/stoq/host';
import { z } from 'zod';
import type { LogName } from './api.ts';
import type { SigningPair } from './certificate/issuance.ts';
import { LEAF_LIFETIME_MS_MAX } from './constants.ts';
import { IDENTITY_KEY, ISSUER_KEY, logKeyNames } from './init/key-plan.ts';
import { loadSigningPair, openKeystore, readPassphrase } from './keys/keystore.ts';
import type { RateLimitConfig } from './service/rate-limit.ts';

/** Configuration of trustchaind. */
export interface TrustchainConfig extends DaemonConfig {
  /** Folder of `createMesh` with `genesis.bin`, `intermediate.der`, `invitations.bin` and the keystore; data go below it. */
  readonly home: string;
  /** `host:port`; port 0 for any. */
  readonly listen: readonly string[];
  /** File of the keystore's passphrase; null for the one in the home. */
  readonly passphraseFile: string | null;
  readonly leafLifetimeMs: number;
  readonly rateLimit: RateLimitConfig;
  /** How often validators are asked for the next witness policy until there is a first one. */
  readonly policyPollMs: number;
}

// Below, a node would renew all the time.
const LEAF_LIFETIME_MS_MIN = 60_000;
// A local mesh enrols ten identities from one address at once; one caller then makes one certificate a second.
const BURST_UNITS = 600;
const UNITS_PER_SECOND = 20;
const POLICY_POLL_MS = 1_000;
const POLICY_POLL_MS_MIN = 10;

export const trustchainConfigSchema: z.ZodType<TrustchainConfig> = z.strictObject({
  ...daemonConfigShape,
  home: z.string().min(1),
  listen: z.array(z.string().min(1)).min(1),
  passphraseFile: z.string().min(1).nullable().default(null),
  leafLifetimeMs: z.int().min(LEAF_LIFETIME_MS_MIN).max(LEAF_LIFETIME_MS_MAX).default(LEAF_LIFETIME_MS_MAX),
  rateLimit: z
    .strictObject({ burstUnits: z.int().min(1).default(BURST_UNITS), unitsPerSecond: z.int().min(1).default(UNITS_PER_SECOND) })
    .prefault({}),
  policyPollMs: z.int().min(POLICY_POLL_MS_MIN).default(POLICY_POLL_MS),
});

/** Signers of trustchaind; the secrets stay inside them. */
export interface TrustchainSecrets {
  readonly session: HybridSigner;
  readonly issuer: SigningPair;
  readonly logs: Readonly<Record<LogName, SigningPair>>;
}

/** Opens the keystore, makes the signers, and closes it. Throws the codes of `openKeystore` and `trustchain.key_unknown`. */
export async function loadTrustchainSecrets(
  config: Pick<TrustchainConfig, 'home' | 'passphraseFile'>,
  components: { readonly crypto: Crypto; readonly entropy: Entropy; readonly now: () => number },
): Promise<TrustchainSecrets> {
  const { crypto, entropy, now } = components;
  const passphrase = await readPassphrase(config.passphraseFile ?? join(config.home, 'passphrase'));
  const keystore = await openKeystore(join(config.home, 'keystore'), passphrase, { entropy, now });
  const pair = (names: { classical: string; postQuantum: string }): SigningPair => loadSigningPair(keystore, names, crypto);
  try {
    return {
      session: hybridSigner(pair(IDENTITY_KEY)),
      issuer: pair(ISSUER_KEY),
      logs: {
        certificates: pair(logKeyNames('certificates')),
        packages: pair(logKeyNames('packages')),
        revocations: pair(logKeyNames('revocations')),
      },
    };
  } finally {
    keystore.close();
  }
}

/** Both legs over the same message, as sessions and signed objects need it. */
export function hybridSigner({ classical, postQuantum }: SigningPair): HybridSigner {
  return {
    publicKey: { classical: classical.publicKey, postQuantum: postQuantum.publicKey },
    async sign(message) {
      const [first, second] = await Promise.all([classical.sign(message), postQuantum.sign(message)]);
      return { classical: first, postQuantum: second };
    },
  };
}
