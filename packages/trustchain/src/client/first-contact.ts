import { equalBytes, type IdentityVerifier, type PeerTarget, sha256 } from '@hypermesh/stoq';
import type { JoinToken } from '../enrolment/join-token.ts';
import { trustError } from '../errors.ts';
import { decodeGenesis, type Genesis, meshIdOf } from '../genesis/genesis.ts';
import { decodeKeyClaim, keyClaimId } from '../verification/identity-message.ts';
import type { TrustClient } from './trust-client.ts';

/** Where a join token leads: trustchaind, known by the hash of its session pair. */
export function firstContactTarget({ addresses, serverId }: JoinToken): PeerTarget {
  return { addresses, expect: 'pinned', id: serverId, as: 'raw-key' };
}

/** Accepts the one server that the token names, and nobody else. */
export function createFirstContactVerifier({ meshId, serverId }: JoinToken): IdentityVerifier {
  return {
    async verify({ kind, bundle, role }) {
      if (kind !== 'pinned' || role !== 'server') throw trustError('trustchain.identity_kind_refused', { kind });
      const claim = decodeKeyClaim(bundle);
      if (!equalBytes(claim.meshId, meshId)) throw trustError('trustchain.mesh_mismatch');
      if (!equalBytes(keyClaimId(claim.key), serverId)) throw trustError('trustchain.identity_unknown');
      return { kind, id: serverId, key: claim.key, roles: ['service'], names: [], notAfter: null, revocationIds: [], restricted: false };
    },
    stillValid: () => true,
    onChange: () => () => undefined,
  };
}

/** The genesis document, held to the mesh id and root of the token. Throws `trustchain.mesh_mismatch`, `trustchain.chain_untrusted`. */
export async function fetchGenesis(client: TrustClient, token: JoinToken, options: { readonly signal: AbortSignal }): Promise<Genesis> {
  const { genesis: encoded } = await client['enroll.genesis']({}, options);
  const genesis = decodeGenesis(encoded);
  if (!equalBytes(meshIdOf(genesis), token.meshId)) throw trustError('trustchain.mesh_mismatch');
  if (!genesis.roots.some((root) => equalBytes(sha256(root), token.rootFingerprint))) throw trustError('trustchain.chain_untrusted');
  return genesis;
}
