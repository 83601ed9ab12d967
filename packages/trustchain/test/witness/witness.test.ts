import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, CodedError, createCrypto, type Crypto, equalBytes, type KeyPair } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { trustError } from '../../src/errors.ts';
import type { CosignRequest } from '../../src/log/commit.ts';
import { createLog, type Log } from '../../src/log/log.ts';
import { EMPTY_ROOT } from '../../src/log/merkle.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '../../src/note/checkpoint.ts';
import { verifyCosignature } from '../../src/note/cosignature.ts';
import { type LogKeys, type LogSigners, signNoteText } from '../../src/note/log-signature.ts';
import { formatNote } from '../../src/note/note.ts';
import { type CosignMessage, witnessContract, type WitnessMethods } from '../../src/witness/contract.ts';
import type { WitnessPolicy } from '../../src/witness/policy.ts';
import { createWitness, createWitnessHandlers, type Witness } from '../../src/witness/witness.ts';
import { collectWitnessPolicy, createWitnessQuorum, type WitnessPeer } from '../../src/witness/witness-quorum.ts';
import { openWitnessStore } from '../../src/witness/witness-store.ts';
import { NOW } from '../fixtures.ts';
import { createFolder, createLogSigners, entryOf, ORIGIN, removeFolders } from '../log/fixtures.ts';

let crypto: Crypto;
let signers: LogSigners;
let keys: LogKeys;
let pairs: KeyPair<'ml-dsa-44'>[];
let log: Log;
/** Checkpoints of the log by size. */
const heads = new Map<number, Uint8Array>();
const clock = new SteppedClock(NOW);

beforeAll(async () => {
  crypto = await createCrypto();
  signers = await createLogSigners(crypto);
  keys = { origin: ORIGIN, classical: signers.classical.publicKey, postQuantum: signers.postQuantum.publicKey };
  pairs = await Promise.all(Array.from({ length: 4 }, () => crypto.generateKeyPair('ml-dsa-44')));
  log = await createLog({ directory: await createFolder(), origin: ORIGIN, signers }, { crypto, clock });
  for (let i = 0; i <= 6; i++) {
    heads.set(i, log.checkpoint());
    await log.add(entryOf(i));
  }
});
afterAll(async () => {
  await log.close();
  await crypto.close();
  await removeFolders();
});

const refusal = (suffix: string, data: object = {}) =>
  expect.objectContaining({ code: `trustchain.${suffix}`, data: expect.objectContaining(data) });
const head = (size: number): Uint8Array => heads.get(size) as Uint8Array;
const message = async (oldSize: number, size: number): Promise<CosignMessage> => ({
  origin: ORIGIN,
  oldSize,
  consistencyProof: oldSize <= size ? await log.consistency(oldSize, size) : [],
  checkpoint: head(size),
});
const pairAt = (i: number): KeyPair<'ml-dsa-44'> => pairs[i] as KeyPair<'ml-dsa-44'>;

async function createOne(i: number, directory: string): Promise<Witness> {
  const store = await openWitnessStore(directory);
  return createWitness({ name: `v${i}`, logs: [keys] }, { store, signer: crypto.createSigner(pairAt(i)), crypto, clock });
}

async function signed(checkpoint: Checkpoint): Promise<Uint8Array> {
  const text = formatCheckpoint(checkpoint);
  return formatNote({ text, signatures: await signNoteText(text, checkpoint.origin, signers) });
}

describe('a witness', () => {
  let directory: string;
  let witness: Witness;
  beforeEach(async () => {
    directory = join(await createFolder(), 'a', 'witness');
    witness = await createOne(0, directory);
  });

  test('cosigns what extends what it cosigned before, and remembers it over a restart', async () => {
    const first = await witness.cosign(await message(0, 3));
    expect(verifyCosignature(parseCheckpoint(head(3)), { name: 'v0', key: pairAt(0).publicKey }, first, crypto)).toBe(true);
    expect(Buffer.from(first.bytes).readBigUInt64BE()).toBe(BigInt(NOW / 1000));
    await witness.cosign(await message(3, 3));
    const restarted = await createOne(0, directory);
    await expect(restarted.cosign(await message(0, 5))).rejects.toThrow(refusal('witness_refused', { reason: 'old size', size: 3 }));
    await restarted.cosign(await message(3, 5));
    await restarted.cosign(await message(5, 6));
  });

  test('refuses a rollback and a fork, and is not moved by them', async () => {
    await witness.cosign(await message(0, 4));
    const rollback = { ...(await message(4, 4)), checkpoint: head(2) };
    await expect(witness.cosign(rollback)).rejects.toThrow(refusal('witness_refused', { reason: 'rollback' }));
    const fork = await signed({ origin: ORIGIN, size: 5, root: new Uint8Array(32).fill(1) });
    const forked = { ...(await message(4, 5)), checkpoint: fork };
    await expect(witness.cosign(forked)).rejects.toThrow(refusal('witness_refused', { reason: 'fork' }));
    const sameSize = await signed({ origin: ORIGIN, size: 4, root: new Uint8Array(32).fill(1) });
    await expect(witness.cosign({ ...(await message(4, 4)), checkpoint: sameSize })).rejects.toThrow(
      refusal('witness_refused', { reason: 'fork' }),
    );
    const cut = { ...(await message(4, 6)), consistencyProof: [] };
    await expect(witness.cosign(cut)).rejects.toThrow(refusal('witness_refused', { reason: 'fork' }));
    await witness.cosign(await message(4, 5));
  });

  test('refuses logs that it does not watch, and notes that the log did not sign', async () => {
    await expect(witness.cosign({ ...(await message(0, 1)), origin: 'x' })).rejects.toThrow(refusal('witness_refused'));
    const renamed = await signed({ origin: 'x', size: 1, root: EMPTY_ROOT });
    await expect(witness.cosign({ ...(await message(0, 1)), checkpoint: renamed })).rejects.toThrow(refusal('witness_refused'));
    const note = parseCheckpoint(head(1)).note;
    const unsigned = formatNote({ ...note, signatures: note.signatures.slice(0, 1) });
    await expect(witness.cosign({ ...(await message(0, 1)), checkpoint: unsigned })).rejects.toThrow(refusal('checkpoint_unsigned'));
    await expect(witness.cosign({ ...(await message(0, 1)), checkpoint: Uint8Array.of(1) })).rejects.toThrow(
      refusal('checkpoint_malformed'),
    );
  });

  test('of two requests at once that contradict each other cosigns one', async () => {
    const other = await signed({ origin: ORIGIN, size: 3, root: new Uint8Array(32).fill(1) });
    const requests = [await message(0, 3), { ...(await message(0, 3)), checkpoint: other }];
    const outcomes = await Promise.allSettled(requests.map((request) => witness.cosign(request)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test.each(['', 'x', `${ORIGIN}\n-1\n${Buffer.alloc(32).toString('base64')}\n`, `${ORIGIN}\n1\n!\n`])(
    'signs nothing when its memory is damaged: %j',
    async (text) => {
      await witness.cosign(await message(0, 1));
      const [file] = await readdir(directory);
      await writeFile(join(directory, file as string), text);
      await expect(witness.cosign(await message(1, 2))).rejects.toThrow(refusal('log_corrupt'));
    },
  );
});

describe('a quorum of witnesses', () => {
  const context = { signal: new AbortController().signal } as never;
  const components = () => ({ crypto, clock });
  const policy = (version: number): WitnessPolicy => ({
    meshId: new Uint8Array(32),
    version,
    threshold: 3,
    witnesses: pairs.map(({ publicKey: key }, i) => ({ name: `v${i}`, key })),
  });

  async function createPeers(policyOf: (version: number) => WitnessPolicy | null = () => null): Promise<WitnessPeer[]> {
    return Promise.all(
      pairs.map(async (pair, i) => {
        const signer = crypto.createSigner(pair);
        const handlers = createWitnessHandlers({ witness: await createOne(i, await createFolder()), name: `v${i}`, signer, policyOf });
        const client: Client<WitnessMethods> = {
          async cosign(request) {
            const answer = await handlers.cosign(witnessContract.methods.cosign.request.parse(request), context);
            return witnessContract.methods.cosign.response.parse(answer);
          },
          async policy(request) {
            const answer = await handlers.policy(witnessContract.methods.policy.request.parse(request), context);
            return witnessContract.methods.policy.response.parse(answer);
          },
        };
        return { name: `v${i}`, key: pair.publicKey, client };
      }),
    );
  }

  const requestFor = (size: number): CosignRequest => ({
    ...parseCheckpoint(head(size)),
    checkpoint: head(size),
    proveFrom: (oldSize) => log.consistency(oldSize, size),
  });
  const never = (): Promise<never> => new Promise(() => undefined);
  const signal = (): AbortSignal => new AbortController().signal;

  test('answers with as many cosignatures as the policy demands, also after others have moved the witnesses', async () => {
    const peers = await createPeers();
    const quorum = createWitnessQuorum(peers, 3, components());
    expect(await quorum.cosign(requestFor(2), { signal: signal() })).toHaveLength(3);
    // A log that restarts has forgotten what its witnesses hold.
    const restarted = createWitnessQuorum(peers, 3, components());
    const cosignatures = await restarted.cosign(requestFor(5), { signal: signal() });
    const valid = cosignatures.filter((signature) =>
      peers.some((peer) => verifyCosignature(parseCheckpoint(head(5)), peer, signature, crypto)),
    );
    expect(new Set(valid.map(({ name }) => name)).size).toBe(3);
  });

  let firstOf: WitnessPeer | undefined;
  let nextSize = 0;
  test.each<[string, (peer: WitnessPeer) => Client<WitnessMethods>['cosign']]>([
    ['fail', () => () => Promise.reject(new CodedError('stoq.rpc_deadline', { message: 'late', retryable: true }))],
    ['answer garbage', () => async () => ({ cosignature: Uint8Array.of(1, 2) })],
    ['answer with the signature of another', () => (request) => (firstOf as WitnessPeer).client.cosign(request)],
    ['claim impossible sizes', () => () => Promise.reject(trustError('trustchain.witness_refused', { reason: 'old size', size: -1 }))],
    [
      'claim ever other sizes',
      () => () => Promise.reject(trustError('trustchain.witness_refused', { reason: 'old size', size: nextSize++ })),
    ],
  ])('two of four that %s are too many', async (_, cosign) => {
    const peers = await createPeers();
    firstOf = peers[0];
    nextSize = 0;
    const broken = peers.map((peer, i) => (i < 2 ? peer : { ...peer, client: { ...peer.client, cosign: cosign(peer) } }));
    const quorum = createWitnessQuorum(broken, 3, components());
    await expect(quorum.cosign(requestFor(4), { signal: signal() })).rejects.toThrow(
      refusal('witness_quorum_missing', { cosignatures: 2, threshold: 3 }),
    );
    expect(
      await createWitnessQuorum([...broken.slice(0, 3), peers[3] as WitnessPeer], 3, components()).cosign(requestFor(4), {
        signal: signal(),
      }),
    ).toHaveLength(3);
  });

  test('does not wait beyond its deadline, nor after its caller has gone', async () => {
    const silent = (await createPeers()).map((peer) => ({ ...peer, client: { ...peer.client, cosign: never } }));
    const quorum = createWitnessQuorum(silent, 3, { ...components(), deadlineMs: 500 });
    const outcome = quorum.cosign(requestFor(1), { signal: signal() });
    clock.step(500);
    await expect(outcome).rejects.toThrow(refusal('witness_quorum_missing', { cosignatures: 0 }));
    const gone = AbortSignal.abort();
    await expect(quorum.cosign(requestFor(1), { signal: gone })).rejects.toThrow(refusal('witness_quorum_missing'));
  });

  test('signs the next policy once the validators see it', async () => {
    const waiting = await createPeers();
    expect(await collectWitnessPolicy(waiting, policy(0), components(), signal())).toBe(null);
    const peers = await createPeers((version) => (version === 1 ? policy(1) : null));
    const signedPolicy = await collectWitnessPolicy(peers, policy(0), components(), signal());
    expect(signedPolicy?.policy).toEqual(policy(1));
    expect(signedPolicy?.signatures).toHaveLength(4);
  });

  test('that does not agree on one policy signs none', async () => {
    const peers = await createPeers(() => policy(1));
    const others = await createPeers(() => ({ ...policy(1), threshold: 4 }));
    const skipping = await createPeers(() => policy(2));
    expect(await collectWitnessPolicy([...peers.slice(0, 2), ...others.slice(2)], policy(0), components(), signal())).toBe(null);
    expect(await collectWitnessPolicy(skipping, policy(0), components(), signal())).toBe(null);
    const impostor = { ...(peers[0] as WitnessPeer), name: 'v1' };
    expect(await collectWitnessPolicy([impostor, ...peers.slice(2)], policy(0), components(), signal())).toBe(null);
  });

  test('the contract refuses what is too large', () => {
    const { request } = witnessContract.methods.cosign;
    const sound = { origin: ORIGIN, oldSize: 0, consistencyProof: [], checkpoint: Uint8Array.of(1) };
    expect(request.safeParse(sound).success).toBe(true);
    const wrong = [
      { ...sound, origin: '' },
      { ...sound, oldSize: -1 },
      { ...sound, oldSize: 0.5 },
      { ...sound, consistencyProof: [new Uint8Array(31)] },
      { ...sound, consistencyProof: Array(54).fill(new Uint8Array(32)) },
      { ...sound, checkpoint: new Uint8Array(256 * 1024 + 1) },
      { ...sound, extra: 1 },
    ];
    expect(wrong.map((candidate) => request.safeParse(candidate).success)).toEqual(wrong.map(() => false));
    expect(equalBytes(EMPTY_ROOT, parseCheckpoint(head(0)).root)).toBe(true);
  });
});
