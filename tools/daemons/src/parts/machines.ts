import { createCaesarMachine, escrowLeft, isSettled } from '@hypermesh/caesar';
import { createIndexMachine } from '@hypermesh/catalog';
import { createMeshMachine, type Machine, placementView } from '@hypermesh/mesh/machine';
import type { Crypto } from '@hypermesh/stoq';
import {
  createTrust,
  createVerificationCache,
  type Genesis,
  type Identity,
  type RevocationView,
  trustError,
  verifyBundle,
  verifyLogProof,
} from '@hypermesh/trustchain';

/**
 * Revocations are no part of the replicated state, and machines may know nothing else: a revoked certificate is kept out by
 * the sessions of those who submit, not by the log.
 */
const UNKNOWN_HERE: RevocationView = { find: () => null, nextUpdate: () => Number.MAX_SAFE_INTEGER };

/** The machines of a mesh, each with what it needs of the others; they judge certificates by genesis and agreed time alone. */
export async function createMachines(genesis: Genesis, crypto: Crypto): Promise<readonly Machine[]> {
  const trust = await createTrust(genesis, { crypto });
  const cache = createVerificationCache();
  const identityOf = (bundle: Uint8Array, at: number): Identity =>
    verifyBundle(bundle, { at, trust, revocation: UNKNOWN_HERE, crypto, policyVersionMin: 0, cache });
  return [
    createMeshMachine({
      funds: (caesar) => ({
        escrowLeft: (appOwner, app, leased) => escrowLeft(caesar, { appOwner, app }, leased),
        isSettled: (placement) => isSettled(caesar, placement),
      }),
      bundleIdentity: identityOf,
      verify: (key, message, signature) => crypto.verify(key, message, signature),
    }),
    createIndexMachine({
      isLogged(entry, { index, hashes, checkpoint }) {
        try {
          verifyLogProof(entry, { index, proof: hashes, checkpoint }, 'packages', { trust, crypto, policyVersionMin: 0 });
          return true;
        } catch (error) {
          if (isRefusal(error)) return false;
          throw error;
        }
      },
      publisherOf: identityOf,
      verify: (key, message, signature) => crypto.verifyHybrid(key, message, signature),
    }),
    createCaesarMachine({
      placements: placementView,
      verifyHybrid: (key, message, signature) => crypto.verifyHybrid(key, message, signature),
    }),
  ];
}

function isRefusal(error: unknown): boolean {
  return (
    trustError.is(error, 'trustchain.checkpoint_malformed') ||
    trustError.is(error, 'trustchain.checkpoint_unsigned') ||
    trustError.is(error, 'trustchain.proof_failed')
  );
}
