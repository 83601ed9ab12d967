import { createHost, createQuicCarrier, type Crypto, systemClock, systemEntropy } from '@hypermesh/stoq';
import { createRawKeyIdentity, type JoinToken, parseJoinToken } from '@hypermesh/trustchain';
import {
  createFirstContactVerifier,
  createTrustClient,
  firstContactTarget,
  type Member,
  type MemberKeys,
  type TrustClient,
} from '@hypermesh/trustchain/client';

/** Somebody with fresh keys, a join token and an open session with trustchaind, who has not enrolled yet. */
export interface Newcomer extends AsyncDisposable {
  readonly client: TrustClient;
  readonly keys: MemberKeys;
  readonly token: JoinToken;
}

const TOKEN_LIFETIME_MS = 3_600_000;

export async function inviteNewcomer(operator: Member, crypto: Crypto, signal: AbortSignal): Promise<Newcomer> {
  const invitation = await operator.client['admin.invite']({ roles: ['node'], names: [], lifetimeMs: TOKEN_LIFETIME_MS }, { signal });
  const token = parseJoinToken(invitation.token);
  const keys = await createMemberKeys(crypto);
  const identity = createRawKeyIdentity(token.meshId, keys.signer);
  const host = createHost(
    { crypto, clock: systemClock, entropy: systemEntropy, carriers: [createQuicCarrier()], verifier: createFirstContactVerifier(token) },
    { identities: () => [identity], listen: [] },
  );
  await host.start();
  const client = createTrustClient(host, firstContactTarget(token));
  await client['enroll.genesis']({}, { signal });
  return { client, keys, token, [Symbol.asyncDispose]: () => host.stop({ graceMs: 0 }) };
}

async function createMemberKeys(crypto: Crypto): Promise<MemberKeys> {
  const [classical, postQuantum, kem] = await Promise.all([
    crypto.generateKeyPair('ed25519'),
    crypto.generateKeyPair('falcon1024'),
    crypto.generateKeyPair('ml-kem-1024'),
  ]);
  return {
    pair: { classical: crypto.createSigner(classical), postQuantum: crypto.createSigner(postQuantum) },
    signer: crypto.createHybridSigner(classical, postQuantum),
    kem,
  };
}
