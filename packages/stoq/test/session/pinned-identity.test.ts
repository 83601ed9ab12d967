import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCrypto, createPinnedIdentity, createPinnedVerifier, type Crypto, type HybridSigner, pinnedId } from '@hypermesh/stoq';

describe('pinned keys', () => {
  let crypto: Crypto;
  let [known, other] = [] as unknown as [HybridSigner, HybridSigner];
  beforeAll(async () => {
    crypto = await createCrypto();
    const signer = async (): Promise<HybridSigner> =>
      crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
    [known, other] = await Promise.all([signer(), signer()]);
  });
  afterAll(() => crypto.close());

  const claimOf = (signer: HybridSigner): { kind: 'pinned'; role: 'client'; bundle: Uint8Array } => ({
    kind: 'pinned',
    role: 'client',
    bundle: createPinnedIdentity(signer).bundle(),
  });

  it('are accepted under their id, with what was said of them', async () => {
    const verifier = createPinnedVerifier([
      { key: other.publicKey, roles: [] },
      { key: known.publicKey, roles: ['node'], names: ['edge'] },
    ]);
    const peer = await verifier.verify(claimOf(known));
    expect(peer).toEqual({
      kind: 'pinned',
      id: pinnedId(known.publicKey),
      key: known.publicKey,
      roles: ['node'],
      names: ['edge'],
      notAfter: null,
      revocationIds: [],
      restricted: false,
    });
    expect(peer.id).toHaveLength(32);
    expect(verifier.stillValid(peer)).toBe(true);
    verifier.onChange(() => expect.unreachable('pins do not change'))();
  });

  it('are refused when unknown, of another kind, or one half is exchanged', async () => {
    const verifier = createPinnedVerifier([{ key: known.publicKey, roles: ['node'] }]);
    const mixed = { ...known, publicKey: { classical: known.publicKey.classical, postQuantum: other.publicKey.postQuantum } };
    await expect(verifier.verify(claimOf(other))).rejects.toMatchObject({ code: 'stoq.identity_refused' });
    await expect(verifier.verify(claimOf(mixed))).rejects.toMatchObject({ code: 'stoq.identity_refused' });
    await expect(verifier.verify({ ...claimOf(known), kind: 'raw-key' })).rejects.toMatchObject({ code: 'stoq.identity_refused' });
    await expect(verifier.verify({ ...claimOf(known), bundle: new Uint8Array(10) })).rejects.toMatchObject({
      code: 'stoq.codec_malformed',
    });
  });
});
