import { type CallContext, type CallOptions, type Client, encode, type PeerIdentity } from '@hypermesh/stoq';
import type { ValidatorEntry } from '@hypermesh/trustchain';
import { settle, SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { describe, expect, test, vi } from 'vitest';
import { type Block, blockCodec, type ChainBlock, chainBlockOf, genesisBlock, genesisCertificate } from '../../src/consensus/block.ts';
import { FETCHED_BLOCKS_MAX } from '../../src/consensus/constants.ts';
import type { ConsensusEvent } from '../../src/consensus/events.ts';
import { consensusMessageCodec } from '../../src/consensus/messages.ts';
import { hypermeshError } from '../../src/errors.ts';
import { batchDigest, encodeBatch } from '../../src/transaction/batch.ts';
import { BatchVault } from '../../src/validator/batch-vault.ts';
import { BlockStore } from '../../src/validator/block-store.ts';
import type { ConsensusMethods } from '../../src/validator/consensus-contract.ts';
import { ConsensusService, PEER_BATCHES_MAX } from '../../src/validator/consensus-service.ts';
import { HEAD_START_MS, PeerFetch } from '../../src/validator/peer-fetch.ts';
import { MESSAGES_UNDER_WAY_MAX, PeerLink, PROBE_MS_MAX, PROBE_MS_MIN } from '../../src/validator/peer-link.ts';
import { temporaryDirectory } from '../executor/fixture.ts';

const idOf = (at: number): Uint8Array => new Uint8Array(32).fill(at);
const validators = [0, 1, 2, 3].map((at) => ({ name: `v${at}`, nodeId: idOf(at) }) as unknown as ValidatorEntry);
const batchOf = (at: number): Uint8Array => encodeBatch([Buffer.from(String(at))]);
const from = (at: number): CallContext => ({
  peer: { id: idOf(at) } as PeerIdentity,
  remoteAddress: '',
  signal: new AbortController().signal,
});

async function openVault(): Promise<{ store: BlockStore; vault: BatchVault }> {
  const store = await BlockStore.open(await temporaryDirectory());
  return { store, vault: new BatchVault({ store, verify: () => {} }) };
}

/** Blocks above a genesis block, one after the other. */
function chainOf(length: number): { genesis: ChainBlock; blocks: ChainBlock[] } {
  const genesis = genesisBlock({ meshId: idOf(9), validatorCount: 4, time: 1, rootOfRoots: idOf(0) });
  const blocks: ChainBlock[] = [];
  for (let round = 1; round <= length; round++) {
    const parent = blocks.at(-1) ?? genesis;
    const qc = { ...genesisCertificate(genesis), blockId: parent.id, round: round - 1 };
    const block: Block = { ...genesis.block, round, parent: qc, time: 1 + round };
    blocks.push(chainBlockOf(block, idOf(100 + round), parent));
  }
  return { genesis, blocks };
}

describe('what a validator answers the others', () => {
  async function serve(chainTo: (blockId: Uint8Array, afterHeight: number) => readonly ChainBlock[] | null = () => null): Promise<{
    service: ConsensusService;
    events: ConsensusEvent[];
    store: BlockStore;
  }> {
    const { store, vault } = await openVault();
    const events: ConsensusEvent[] = [];
    const dispatch = (event: ConsensusEvent): void => void events.push(event);
    const stored = async (digest: Uint8Array): Promise<void> =>
      dispatch({ kind: (await store.isOrdered(digest)) ? 'batches-ordered' : 'batches-stored', digests: [digest] });
    const service = new ConsensusService({
      validators,
      self: 0,
      consensus: { chainTo },
      blocks: store,
      vault,
      links: [],
      dispatch,
      stored,
    });
    return { service, events, store };
  }

  test('names the sender by what its session proves', async () => {
    const { service, events, store } = await serve();
    const message = { kind: 'announcement', digests: [idOf(7)] } as const;
    const encoded = encode(consensusMessageCodec, message);
    await service.handlers.message({ message: encoded }, from(2));
    await service.handlers.hello({}, from(3));
    expect(events).toEqual([
      { kind: 'message', from: 2, message },
      { kind: 'connected', peer: 3 },
    ]);
    for (const stranger of [0, 8]) {
      await expect(service.handlers.message({ message: encoded }, from(stranger))).rejects.toMatchObject({
        code: 'hypermesh.not_authorised',
      });
    }
    await expect(service.handlers.message({ message: Uint8Array.of(0xff) }, from(1))).rejects.toMatchObject({
      code: 'stoq.codec_malformed',
    });
    await store.close();
  });

  test('keeps so many batches of one peer until blocks carry them', async () => {
    const { service, events, store } = await serve();
    const push = (at: number, peer: number): Promise<unknown> => service.handlers.storeBatch({ batch: batchOf(at) }, from(peer));
    for (let at = 0; at < PEER_BATCHES_MAX; at++) await push(at, 1);
    await expect(push(1000, 1)).rejects.toMatchObject({ code: 'hypermesh.mempool_full' });
    await push(1001, 2);
    service.ordered([batchDigest(batchOf(0)), batchDigest(batchOf(5000))]);
    await push(1002, 1);
    await expect(push(1003, 1)).rejects.toMatchObject({ code: 'hypermesh.mempool_full' });
    await expect(service.handlers.storeBatch({ batch: Uint8Array.of(1) }, from(3))).rejects.toMatchObject({
      code: 'hypermesh.batch_malformed',
    });
    // A copy of what was ordered counts for nobody.
    for (let at = 0; at < 3; at++) await push(5000, 3);
    expect(events.at(-1)).toEqual({ kind: 'batches-ordered', digests: [batchDigest(batchOf(5000))] });
    expect(await store.unordered()).not.toContainEqual(batchDigest(batchOf(5000)));
    expect(await service.handlers.batch({ digest: batchDigest(batchOf(1001)) }, from(3))).toEqual({ batch: batchOf(1001) });
    await expect(service.handlers.batch({ digest: idOf(1) }, from(3))).rejects.toMatchObject({ code: 'hypermesh.batch_unknown' });
    await store.close();
  });

  test('gives blocks in a row, committed ones first, never more than fit', async () => {
    const { blocks } = chainOf(FETCHED_BLOCKS_MAX + 10);
    const committed = blocks.slice(0, 4);
    const { service, store } = await serve((_id, afterHeight) => blocks.filter(({ height }) => height > Math.max(4, afterHeight)));
    const heights = async (afterHeight: number): Promise<number> =>
      (await service.handlers.blocks({ blockId: idOf(1), afterHeight }, from(1))).blocks.length;
    // Consensus has committed up to 4, the disk has not: what is above would not join on.
    expect(await heights(0)).toBe(0);
    await store.putFinal({ blocks: committed, proof: { child: blocks[4]!.block, qc: blocks[5]!.block.parent } });
    expect([await heights(0), await heights(2), await heights(FETCHED_BLOCKS_MAX)]).toEqual([FETCHED_BLOCKS_MAX, FETCHED_BLOCKS_MAX, 10]);
    await store.close();
  });
});

type Calls = Partial<Client<ConsensusMethods>>;

function linkTo(index: number, calls: Calls, clock = new SteppedClock()): { link: PeerLink; clock: SteppedClock; connected: number[] } {
  const connected: number[] = [];
  const refuse = (): Promise<never> => Promise.reject(hypermeshError('hypermesh.not_running'));
  const client = {
    hello: refuse,
    message: refuse,
    storeBatch: refuse,
    batch: refuse,
    blocks: refuse,
    ...calls,
  } as Client<ConsensusMethods>;
  return { link: new PeerLink(index, `v${index}`, { client, clock, connected: () => connected.push(clock.now()) }), clock, connected };
}

describe('the link to a peer', () => {
  test('asks until the peer answers, ever more rarely, and anew after a call that failed', async () => {
    let isAway = true;
    let asked = 0;
    const hello = (): Promise<Record<never, never>> => {
      asked++;
      return isAway ? Promise.reject(hypermeshError('hypermesh.not_running')) : Promise.resolve({});
    };
    const { link, clock, connected } = linkTo(1, { hello });
    link.start();
    await clock.stepAndSettle(60_000);
    expect(asked).toBeGreaterThan(60_000 / PROBE_MS_MAX - 5);
    expect(asked).toBeLessThan(60_000 / PROBE_MS_MAX + 10);
    expect([link.isUp, link.send(new Uint8Array())]).toEqual([false, false]);
    isAway = false;
    link.heard();
    await settle();
    expect([link.isUp, connected.length]).toEqual([true, 1]);
    isAway = true;
    expect(link.send(new Uint8Array())).toBe(true);
    await settle();
    expect(link.isUp).toBe(false);
    isAway = false;
    await clock.stepAndSettle(PROBE_MS_MIN);
    expect([link.isUp, connected.length]).toEqual([true, 2]);
    link.stop();
  });

  test('holds a bounded number of messages under way', async () => {
    const { link } = linkTo(1, { hello: async () => ({}), message: () => new Promise(() => {}) });
    link.start();
    await settle();
    const sent = Array.from({ length: MESSAGES_UNDER_WAY_MAX + 3 }, () => link.send(new Uint8Array()));
    expect(sent.filter(Boolean)).toHaveLength(MESSAGES_UNDER_WAY_MAX);
    link.stop();
  });
});

describe('fetching', () => {
  test('asks one peer after the other, those that were named and that answer first', async () => {
    const { store, vault } = await openVault();
    const asked: number[] = [];
    const clock = new SteppedClock();
    const answers = (index: number, batch?: Uint8Array): PeerLink => {
      const { link } = linkTo(
        index,
        {
          hello: async () => ({}),
          batch: async () => {
            asked.push(index);
            if (batch === undefined) throw hypermeshError('hypermesh.batch_unknown');
            return { batch };
          },
        },
        clock,
      );
      link.start();
      return link;
    };
    const links = [answers(1, batchOf(1)), answers(2), answers(3, batchOf(2)), linkTo(4, {}, clock).link];
    await settle();
    const fetch = new PeerFetch({ links, vault, clock });
    const stored: Uint8Array[] = [];
    const wanted = batchDigest(batchOf(1));
    await fetch.batches([wanted], [2, 3], async (digest) => void stored.push(digest));
    // 3 gives another batch than was asked for.
    expect([stored, asked]).toEqual([[wanted], [2, 3, 1]]);
    await fetch.batches([wanted], [2], async (digest) => void stored.push(digest));
    expect([stored.length, asked.length]).toEqual([2, 3]);
    await fetch.batches([idOf(1)], [], async (digest) => void stored.push(digest));
    expect(stored).toHaveLength(2);
    await store.close();
  });

  test('asks another peer as well when one is silent, and gives the silent one up for an answer', async () => {
    const { store, vault } = await openVault();
    const clock = new SteppedClock();
    const { blocks } = chainOf(1);
    const asked: string[] = [];
    const givenUp: string[] = [];
    const silent =
      (method: string) =>
      (_: unknown, { signal }: CallOptions = {}): Promise<never> =>
        new Promise((_resolve, reject) => {
          asked.push(method);
          signal?.addEventListener('abort', () => {
            givenUp.push(method);
            reject(signal.reason as Error);
          });
        });
    const links = [
      linkTo(1, { batch: silent('batch'), blocks: silent('blocks') }).link,
      linkTo(2, { batch: async () => ({ batch: batchOf(1) }), blocks: async () => ({ blocks: [encode(blockCodec, blocks[0]!.block)] }) })
        .link,
    ];
    const fetch = new PeerFetch({ links, vault, clock });
    const fetched = Promise.all([
      fetch.load(batchDigest(batchOf(1)), new AbortController().signal),
      new PeerFetch({ links, vault, clock }).blocks(idOf(1), 0, []),
    ]);
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    await clock.stepAndSettle(HEAD_START_MS - 1);
    expect(await Promise.race([fetched, Promise.resolve('waiting')])).toBe('waiting');
    await clock.stepAndSettle(1);
    expect((await fetched)[1]).toMatchObject({ from: 2 });
    expect(givenUp.toSorted()).toEqual(['batch', 'blocks']);
    await store.close();
  });

  test('of a committed block goes on until the batch is there, or it is stopped', async () => {
    const { store, vault } = await openVault();
    const clock = new SteppedClock();
    let isThere = false;
    const batch = async (): Promise<{ batch: Uint8Array }> => {
      if (!isThere) throw hypermeshError('hypermesh.batch_unknown');
      return { batch: batchOf(1) };
    };
    const fetch = new PeerFetch({ links: [linkTo(1, { batch }, clock).link], vault, clock });
    const abort = new AbortController();
    const stepping = setInterval(() => void clock.stepAndSettle(1_000), 1);
    const loading = fetch.load(batchDigest(batchOf(1)), abort.signal);
    await new Promise((resolve) => setTimeout(resolve, 20));
    isThere = true;
    expect(await loading).toHaveLength(1);
    // It is ordered already, so it is not announced after a restart.
    expect(await store.unordered()).toEqual([]);
    const never = fetch.load(idOf(1), abort.signal);
    abort.abort();
    await expect(never).rejects.toThrow('aborted');
    clearInterval(stepping);
    await store.close();
  });

  test('of blocks takes the first answer that has any', async () => {
    const { blocks } = chainOf(2);
    const links = [
      linkTo(1, {}).link,
      linkTo(2, { blocks: async () => ({ blocks: [] }) }).link,
      linkTo(3, { blocks: async () => ({ blocks: [Uint8Array.of(1)] }) }).link,
      linkTo(4, { blocks: async () => ({ blocks: blocks.map(({ block }) => encode(blockCodec, block)) }) }).link,
    ];
    const { store, vault } = await openVault();
    const fetch = new PeerFetch({ links, vault, clock: new SteppedClock() });
    expect(await fetch.blocks(idOf(1), 0, [])).toEqual({ from: 4, blocks: blocks.map(({ block }) => block) });
    const none = new PeerFetch({ links: links.slice(0, 3), vault, clock: new SteppedClock() });
    expect(await none.blocks(idOf(1), 0, [2])).toBeUndefined();
    await store.close();
  });

  test('begins with another peer each time, so that useless answers of one do not keep it from others', async () => {
    const { blocks } = chainOf(1);
    const encoded = blocks.map(({ block }) => encode(blockCodec, block));
    const links = [1, 2, 3, 4].map((index) => linkTo(index, { blocks: async () => ({ blocks: encoded }) }).link);
    const { store, vault } = await openVault();
    const fetch = new PeerFetch({ links, vault, clock: new SteppedClock() });
    const answered: (number | undefined)[] = [];
    for (let turn = 0; turn < 6; turn++) answered.push((await fetch.blocks(idOf(1), 0, [1, 2, 4]))?.from);
    expect(answered).toEqual([1, 2, 4, 1, 2, 4]);
    await store.close();
  });

  test('of announced batches asks who announced them, and nobody else', async () => {
    const { store, vault } = await openVault();
    const asked: number[] = [];
    const links = [1, 2].map((index) => {
      const batch = async (): Promise<{ batch: Uint8Array }> => {
        asked.push(index);
        if (index === 1) throw hypermeshError('hypermesh.batch_unknown');
        return { batch: batchOf(1) };
      };
      return linkTo(index, { batch }).link;
    });
    const fetch = new PeerFetch({ links, vault, clock: new SteppedClock() });
    const stored: Uint8Array[] = [];
    await fetch.announced([batchDigest(batchOf(1))], 1, async (digest) => void stored.push(digest));
    expect([stored, asked]).toEqual([[], [1]]);
    await fetch.announced([batchDigest(batchOf(1))], 2, async (digest) => void stored.push(digest));
    expect([stored.length, asked]).toEqual([1, [1, 2]]);
    await store.close();
  });

  test('ends with the failure of the own disk', async () => {
    const disk = new Error('no space left');
    const vault = { load: async () => undefined, has: async () => false, store: () => Promise.reject(disk) };
    const links = [linkTo(1, { batch: async () => ({ batch: batchOf(1) }) }).link];
    const fetch = new PeerFetch({ links, vault: vault as unknown as BatchVault, clock: new SteppedClock() });
    await expect(fetch.load(batchDigest(batchOf(1)), new AbortController().signal)).rejects.toBe(disk);
  });
});
