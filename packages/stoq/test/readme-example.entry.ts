import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createBlobSource,
  createBlobStore,
  createCrypto,
  createHost,
  createPinnedIdentity,
  createPinnedVerifier,
  createQuicCarrier,
  defineContract,
  type Host,
  type HybridSigner,
  pinnedId,
  serveBlobs,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { z } from 'zod';

const greetings = defineContract({
  name: 'greetings',
  version: 1,
  methods: {
    greet: {
      kind: 'unary',
      request: z.strictObject({ name: z.string().max(64) }),
      response: z.strictObject({ words: z.string() }),
      roles: ['node'],
      kinds: ['pinned'],
      idempotent: true,
      requestBytesMax: 256,
      responseBytesMax: 256,
      deadlineMs: 1_000,
    },
  },
});

const crypto = await createCrypto();
const keys = async (): Promise<HybridSigner> =>
  crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
const [alice, bob] = [await keys(), await keys()];

/** A host that trusts one other key. */
const hostOf = (own: HybridSigner, other: HybridSigner, listen: readonly string[]): Host =>
  createHost(
    {
      crypto,
      clock: systemClock,
      entropy: systemEntropy,
      carriers: [createQuicCarrier()],
      verifier: createPinnedVerifier([{ key: other.publicKey, roles: ['node'] }]),
    },
    { identities: () => [createPinnedIdentity(own)], listen },
  );
const storeIn = async (name: string): Promise<ReturnType<typeof createBlobStore>> => {
  const store = createBlobStore({ directory: await mkdtemp(join(tmpdir(), name)), quotaBytes: 64 * 1024 * 1024 });
  await store.start();
  return store;
};

const server = hostOf(alice, bob, ['127.0.0.1:0']);
const blobs = await storeIn('alice-');
const { digest } = await blobs.put(Buffer.from('a blob of any length'));
server.serve(greetings, { greet: async ({ name }, { peer }) => ({ words: `hello ${name}, who came as ${peer.kind}` }) });
serveBlobs(server, blobs);
await server.start();

const client = hostOf(bob, alice, []);
await client.start();
const peer = { addresses: server.addresses(), expect: 'pinned', id: pinnedId(alice.publicKey) } as const;
const { words } = await client.connect(greetings, peer).greet({ name: 'Bob' });
const source = createBlobSource({ host: client, store: await storeIn('bob-'), providers: () => [peer] });
const blob = await source.get(digest, { bytesMax: 1024, signal: AbortSignal.timeout(5_000) });
process.stdout.write(`${words}\n${Buffer.from(blob).toString()}\n`);

await client.stop();
await server.stop();
await crypto.close();
