import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  blobContract,
  blobDigest,
  circuitContract,
  createBlobSource,
  createBlobStore,
  createCrypto,
  createHost,
  createPinnedIdentity,
  createPinnedVerifier,
  createQuicCarrier,
  type Crypto,
  type Host,
  type HybridSigner,
  type PeerTarget,
  pinnedId,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { createLifeCycle, createMetrics, type LifeCycle, loadConfig } from '@hypermesh/stoq/host';
import { createStoqd, type Stoqd, stoqdConfigSchema } from '@hypermesh/stoq/stoqd';

const never: AbortSignal = new AbortController().signal;

describe('stoqd', () => {
  let crypto: Crypto;
  let [edge, friend, stranger] = [] as unknown as [HybridSigner, HybridSigner, HybridSigner];
  beforeAll(async () => {
    crypto = await createCrypto();
    const signer = async (): Promise<HybridSigner> =>
      crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
    [edge, friend, stranger] = await Promise.all([signer(), signer(), signer()]);
  });
  afterAll(() => crypto.close());

  let directory: string;
  const running: { stop(): Promise<void> }[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stoqd '));
  });
  afterEach(async () => {
    for (const part of running.splice(0).toReversed()) await part.stop();
    await rm(directory, { recursive: true });
  });

  const metrics = createMetrics({ name: 'stoqd' });
  const startEdge = async (withMetrics = false): Promise<Stoqd> => {
    const flags = { listen: '["127.0.0.1:0"]', 'blobs.directory': join(directory, 'edge') };
    const verifier = createPinnedVerifier([{ key: friend.publicKey, roles: ['node'] }]);
    const config = await loadConfig({ schema: stoqdConfigSchema, flags });
    const parts = { crypto, verifier, ...(withMetrics && { metrics }) };
    const stoqd = createStoqd(config, { identities: () => [createPinnedIdentity(edge)] }, parts);
    running.push(stoqd);
    await stoqd.start();
    return stoqd;
  };
  const startPeer = async (signer: HybridSigner): Promise<Host> => {
    const verifier = createPinnedVerifier([{ key: edge.publicKey, roles: ['node'] }]);
    const carriers = [createQuicCarrier()];
    const host = createHost(
      { crypto, clock: systemClock, entropy: systemEntropy, carriers, verifier },
      { identities: () => [createPinnedIdentity(signer)], listen: [] },
    );
    running.push(host);
    await host.start();
    return host;
  };
  const targetOf = (stoqd: Stoqd): PeerTarget => ({
    addresses: stoqd.host.addresses(),
    expect: 'pinned',
    id: pinnedId(edge.publicKey),
  });

  it('serves blobs over QUIC to peers that know its keys', async () => {
    const stoqd = await startEdge(true);
    expect(stoqd.addresses()).toEqual({ stoq: [expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/)] });
    const blob = randomBytes(3 * 1024 * 1024 + 17);
    const { digest } = await stoqd.store.put(blob);
    const host = await startPeer(friend);
    const store = createBlobStore({ directory: join(directory, 'peer'), quotaBytes: 8 * 1024 * 1024 });
    await store.start();
    const source = createBlobSource({ host, store, providers: () => [targetOf(stoqd)] });
    expect(blob.equals(await source.get(digest, { bytesMax: blob.length, signal: never }))).toBe(true);
    expect(store.has(digest)).toBe(true);
    const missing = blobDigest(Uint8Array.of(1));
    await expect(source.get(missing, { bytesMax: 1, signal: never })).rejects.toMatchObject({
      code: 'stoq.blob_missing',
      data: { missing: 1 },
    });
    expect(await host.connect(blobContract, targetOf(stoqd)).stat({ digest })).toEqual({ sizeBytes: blob.length });
    expect(await metrics.text()).toContain(`stoq_blobs_bytes{daemon="stoqd"} ${blob.length}`);
  });

  it('says that it relays nothing', async () => {
    const stoqd = await startEdge();
    const relay = (await startPeer(friend)).connect(circuitContract, targetOf(stoqd));
    await expect(relay.reserve({ durationMs: 1000 })).rejects.toMatchObject({ code: 'stoq.unsupported' });
    await expect(relay.open({ node: new Uint8Array(32) })).rejects.toMatchObject({ code: 'stoq.unsupported' });
  });

  it('refuses a peer whose keys are not pinned', async () => {
    const stoqd = await startEdge();
    const client = (await startPeer(stranger)).connect(blobContract, targetOf(stoqd));
    await expect(client.stat({ digest: new Uint8Array(32) })).rejects.toMatchObject({ code: 'stoq.identity_refused' });
  });

  it('has its blobs after a restart', async () => {
    const first = await startEdge();
    const { digest } = await first.store.put(Uint8Array.of(1, 2, 3));
    await first.stop();
    const again = await startEdge();
    const client = (await startPeer(friend)).connect(blobContract, targetOf(again));
    expect(await client.stat({ digest })).toEqual({ sizeBytes: 3 });
  });

  it('is a part of a life cycle, and frees its port when another part fails', async () => {
    const stoqd = await startEdge();
    const address = stoqd.host.addresses()[0] as string;
    await stoqd.stop();
    const carrier = createQuicCarrier();
    const listener = await carrier.listen(address, () => {});
    expect(listener.address).toBe(address);
    const blocked: LifeCycle = createLifeCycle([
      [
        'stoqd',
        createStoqd(
          { listen: [address], blobs: { directory: join(directory, 'edge'), quotaBytes: 4096 } },
          { identities: () => [createPinnedIdentity(edge)] },
          { crypto, verifier: createPinnedVerifier([]) },
        ),
      ],
    ]);
    await expect(blocked.start()).rejects.toMatchObject({ code: 'stoq.start_failed', data: { part: 'stoqd' } });
    await carrier.close();
  });
});
