import { type Clock, type Crypto, type Entropy, pause, replaceFile } from '@hypermesh/stoq';
import { parseCertificate } from '../certificate/certificate.ts';
import { RENEW_BEFORE_MS } from '../constants.ts';
import { trustError } from '../errors.ts';
import type { RevocationView } from '../revocation/revocation.ts';
import { type Identity, verifyBundle } from '../verification/bundle-verification.ts';
import { verifyCheckpoint } from '../verification/checkpoint-verification.ts';
import type { BundleIdentity } from '../verification/local-identity.ts';
import type { Trust } from '../verification/trust.ts';
import { decodePolicyHistory } from '../witness/policy.ts';
import { renew } from './certification.ts';
import type { MemberKeys } from './member-keys.ts';
import { type RetryDelays, retryDelay } from './retry.ts';
import type { TrustClient } from './trust-client.ts';

export interface RenewerComponents {
  readonly client: Pick<TrustClient, 'renew' | 'enroll.challenge' | 'bundle' | 'roots'>;
  /** What this process shows; the renewer replaces its bundle. */
  readonly identity: BundleIdentity;
  readonly keys: MemberKeys;
  readonly trust: Trust;
  readonly revocation: RevocationView;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Each failure; it goes on trying. */
  readonly onError: (error: unknown) => void;
}

export interface RenewerConfig {
  /** The newest bundle on disk: it is there before it is shown. */
  readonly bundlePath: string;
  /** How often TrustChain is asked for the witness policy while the mesh is in phase 0 or a cosigned bundle is due, and later. */
  readonly bootstrapPollMs?: number;
  readonly pollMs?: number;
}

/**
 * Keeps the identity of a member good: renews it at 6 h left while the old one still serves, after an outage with the
 * expired one, and fetches a fresh checkpoint for it when the witness policy rises.
 */
export interface Renewer {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One round now. Throws what it fails with. */
  refresh(options: { readonly signal: AbortSignal }): Promise<void>;
  /** For a health check: why the certificate is about to be of no use, or null. */
  problem(): string | null;
}

const DELAYS: RetryDelays = { minMs: 500, maxMs: 60_000 };
// A local mesh reaches phase 1 within seconds, and until a node has heard of it and shows a cosigned bundle others may refuse it.
const BOOTSTRAP_POLL_MS = 1_000;
const POLL_MS = 60_000;
// Half of what is left when renewal begins: an operator has three hours.
const ALERT_MS: number = RENEW_BEFORE_MS / 2;

export function createRenewer(config: RenewerConfig, components: RenewerComponents): Renewer {
  const { client, clock, entropy, identity, keys, onError, trust } = components;
  const { bundlePath, bootstrapPollMs = BOOTSTRAP_POLL_MS, pollMs = POLL_MS } = config;
  const ending = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const take = async (encoded: Uint8Array): Promise<void> => {
    verifyOwn(encoded, components);
    await replaceFile(bundlePath, encoded);
    identity.replace(encoded);
  };

  const refresh = async (options: { readonly signal: AbortSignal }): Promise<void> => {
    const { witnessPolicies } = await client.roots({ afterPolicy: trust.policy().version }, options);
    await trust.adopt(decodePolicyHistory(witnessPolicies));
    const leaf = leafOf(identity);
    if (leaf.notAfter - clock.now() <= renewBeforeMs(leaf)) {
      const { roles } = leaf.identity;
      const names = leaf.alternativeNames?.names ?? [];
      await take(await renew(client, { meshId: trust.meshId, keys, roles, names }, options));
    } else if (!isCosigned(identity, components)) {
      await take((await client.bundle({ serial: leaf.serial }, options)).bundle);
    }
  };

  const run = async (): Promise<void> => {
    const { signal } = ending;
    for (let failures = 0; !signal.aborted;) {
      let delayMs = trust.policy().version === 0 ? bootstrapPollMs : pollMs;
      try {
        await refresh({ signal });
        failures = 0;
        delayMs = trust.policy().version === 0 ? bootstrapPollMs : pollMs;
      } catch (error) {
        if (!signal.aborted) onError(error);
        // TrustChain answers; what it waits for is the witnesses, so this is no reason to leave it alone.
        const isUnwitnessed = trustError.is(error, 'trustchain.witness_quorum_missing');
        delayMs = isUnwitnessed ? bootstrapPollMs : retryDelay(failures++, DELAYS, entropy);
      }
      await pause(clock, delayMs, signal);
    }
  };

  return {
    async start() {
      running = run();
    },
    async stop() {
      ending.abort();
      await running;
    },
    refresh,
    problem() {
      const leftMs = leafOf(identity).notAfter - clock.now();
      if (leftMs <= 0) return 'the certificate has expired and could not be renewed yet';
      return leftMs < Math.min(ALERT_MS, renewBeforeMs(leafOf(identity)) / 2)
        ? 'the certificate ends soon and could not be renewed yet'
        : null;
    },
  };
}

/** A bundle that TrustChain has just handed out. Throws the codes of `verifyBundle`, and `trustchain.node_id_mismatch`. */
export function verifyOwn(
  encoded: Uint8Array,
  { trust, revocation, crypto, clock, keys }: Pick<RenewerComponents, 'trust' | 'revocation' | 'crypto' | 'clock' | 'keys'>,
): Identity {
  // As in renewal, because a newcomer has no revocation snapshot yet; but never an expired one.
  const own = verifyBundle(encoded, { at: clock.now(), trust, revocation, crypto, renewal: true });
  if (own.expired) throw trustError('trustchain.certificate_expired', { notAfter: own.notAfter });
  if (Buffer.compare(own.key.postQuantum.bytes, keys.signer.publicKey.postQuantum.bytes) !== 0) {
    throw trustError('trustchain.node_id_mismatch');
  }
  return own;
}

/** A quarter of the lifetime, which is 6 h for a day; certificates may be shorter. */
function renewBeforeMs({ notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number }): number {
  return Math.min(RENEW_BEFORE_MS, (notAfter - notBefore) / 4);
}

function leafOf(identity: BundleIdentity): ReturnType<typeof parseCertificate> {
  return parseCertificate(identity.current().leaf);
}

/** Whether the checkpoint of the present bundle satisfies the newest witness policy. */
function isCosigned(identity: BundleIdentity, { trust, crypto }: RenewerComponents): boolean {
  try {
    verifyCheckpoint(identity.current().checkpoint, 'certificates', { trust, crypto });
    return true;
  } catch (error) {
    if (!trustError.is(error, 'trustchain.witness_quorum_missing')) throw error;
    return false;
  }
}
