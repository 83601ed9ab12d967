import { type Carrier, type Clock, createHost, type Crypto, type Entropy, type Host, type HybridSigner } from '@hypermesh/stoq';
import { TRUSTCHAIND_NAME } from '../genesis/validation.ts';
import type { RevocationLog } from '../revocation/revocation-log.ts';
import { createIdentityVerifier, type RevocationSource } from '../verification/identity-verifier.ts';
import { createPinnedIdentity, createSetEntryIdentity } from '../verification/local-identity.ts';
import type { Trust } from '../verification/trust.ts';

export interface TrustchainHostConfig {
  readonly listen: readonly string[];
  /** The session pair of genesis. */
  readonly session: HybridSigner;
}

export interface TrustchainHostComponents {
  readonly carriers: readonly Carrier[];
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly trust: Trust;
  readonly revocations: RevocationSource;
}

// Well within the 5 s in which sessions of the revoked have to end.
const NOTICE_DELAY_MS = 500;

/** The network side of trustchaind: it takes newcomers, members whose certificate has expired, and the daemons of genesis. */
export function createTrustchainHost({ listen, session }: TrustchainHostConfig, components: TrustchainHostComponents): Host {
  const { carriers, clock, crypto, entropy, revocations, trust } = components;
  const { meshId } = trust;
  const identities = [
    createSetEntryIdentity({ meshId, name: TRUSTCHAIND_NAME }, session),
    // For newcomers, who know the session pair from their join token and hold no genesis yet.
    createPinnedIdentity(meshId, session),
  ];
  const verifier = createIdentityVerifier({
    trust,
    revocations,
    clock,
    crypto,
    accept: { bundle: 'renewable', setEntry: true, rawKey: true },
    policyVersionMin: 0,
  });
  return createHost({ crypto, clock, entropy, carriers, verifier }, { identities: () => identities, listen });
}

/** The host verifies by revocations that are read from a log that asks witnesses through the host. */
export function lateRevocations(clock: Clock): { readonly source: RevocationSource; bind(revocations: RevocationLog): void } {
  let bound: RevocationLog | undefined;
  const listeners = new Set<() => void>();
  return {
    source: {
      find: (serial) => bound?.find(serial) ?? null,
      nextUpdate: () => bound?.nextUpdate() ?? null,
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    bind(revocations) {
      bound = revocations;
      // Later, so that the answer still reaches a member that revokes itself.
      revocations.onChange(() => {
        clock.after(NOTICE_DELAY_MS, () => {
          for (const listener of listeners) listener();
        });
      });
    },
  };
}
