import { CodedError, encode, type HybridSigner, PeerError, systemEntropy } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MeshAccount, MeshClient } from '../../src/client/mesh-client.ts';
import { chooseSponsor, findSponsorship, orderSponsored, type SponsoredOptions } from '../../src/client/sponsorship.ts';
import { decodeOperation } from '../../src/mesh-machine/operation.ts';
import { MESH_QUERIES } from '../../src/mesh-machine/query.ts';
import { appSpec, type Founded, found, World } from '../mesh-machine/fixture.ts';

const WINDOW_MS = 60_000;
const ALL = [0, 1, 2, 3];

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

const nextWindow = (world: World): void => world.run(WINDOW_MS, ALL);

/** A window ends, and every node proves itself in the next one. */
async function provenAnew(world: World): Promise<void> {
  nextWindow(world);
  for (const node of ALL) await world.prove(node);
}

describe('an operation under the proof of a sponsor', () => {
  /** The machine behind a client: `before` runs between handing a transaction in and its block, `refuse` instead of that block. */
  class OneMachine {
    readonly world: World;
    readonly attempts: number[] = [];
    readonly account: MeshAccount;
    readonly aborting: AbortController = new AbortController();

    private constructor(world: World) {
      this.world = world;
      this.account = { owner: world.id(3), signer: {} as HybridSigner };
    }

    static async create(): Promise<OneMachine> {
      const world = await new World(founded).ready();
      world.fund('hello');
      return new OneMachine(world);
    }

    async deploy(
      before: (attempt: number) => Promise<void> | void,
      options: Partial<SponsoredOptions> = {},
    ): Promise<Awaited<ReturnType<MeshClient['transact']>>> {
      const client: Pick<MeshClient, 'query' | 'transact'> = {
        query: async (_machine, method, argument) => ({
          height: this.world.height,
          result: this.world.machine.query?.(this.world.state, method, argument) as Uint8Array,
        }),
        transact: async ({ owner }, _machine, operations) => {
          await before(this.attempts.push(this.world.height));
          return this.#block(owner, operations);
        },
      };
      const operation = { kind: 'app.deploy', spec: appSpec(), proof: null } as const;
      return orderSponsored(client, this.account, operation, { signal: this.aborting.signal, entropy: systemEntropy, ...options });
    }

    /** What a client throws for the code of a receipt. */
    #block(owner: Uint8Array, operations: readonly Uint8Array[]): Awaited<ReturnType<MeshClient['transact']>> {
      try {
        const results = operations.map((operation) => this.world.apply(owner, decodeOperation(operation)));
        return { transactionId: new Uint8Array(32), height: this.world.height, index: 0, code: '', results };
      } catch (error) {
        throw new CodedError((error as CodedError).code, { message: 'refused', retryable: false }, { height: this.world.height });
      }
    }

    generation(): number | undefined {
      return this.world.query('apps', '')[0]?.generation;
    }
  }

  test.each<[string, (world: World) => Promise<void>]>([
    ['whose sponsor has proven itself anew', provenAnew],
    [
      'whose sponsor has proven itself anew twice, so that the state has forgotten the verdict',
      async (world) => {
        for (let turn = 0; turn < 2; turn++) await provenAnew(world);
      },
    ],
    [
      'whose verdict has run out, while another node has a new one',
      async (world) => {
        nextWindow(world);
        await world.prove(1);
        nextWindow(world);
      },
    ],
  ])('is ordered again under a fresh one, %s, and takes effect once', async (_, turn) => {
    const mesh = await OneMachine.create();
    const receipt = await mesh.deploy((attempt) => (attempt === 1 ? turn(mesh.world) : undefined));
    expect(receipt.code).toBe('');
    expect(mesh.attempts).toHaveLength(2);
    expect(mesh.generation()).toBe(1);
    expect([...mesh.world.state.scan(new TextEncoder().encode('used-proof/'))]).toHaveLength(1);
  });

  test('is given up after three of them', async () => {
    const mesh = await OneMachine.create();
    let proven = 0;
    await expect(mesh.deploy(() => provenAnew(mesh.world), { onProven: () => void proven++ })).rejects.toMatchObject({
      code: 'hypermesh.proof_stale',
    });
    expect([mesh.attempts.length, proven, mesh.generation()]).toEqual([3, 3, undefined]);
  });

  test.each<[string, Error]>([
    ['that the machine refuses for another reason', new CodedError('hypermesh.unschedulable', { message: '', retryable: true })],
    ['that may still be ordered', new CodedError('hypermesh.not_committed', { message: '', retryable: true })],
    ['that one validator calls stale without a receipt', new PeerError('hypermesh.proof_stale', true, {})],
  ])('%s is not ordered again', async (_, refusal) => {
    const mesh = await OneMachine.create();
    await expect(mesh.deploy(() => Promise.reject(refusal))).rejects.toBe(refusal);
    expect(mesh.attempts).toHaveLength(1);
  });

  test('is not ordered again after the signal has aborted', async () => {
    const mesh = await OneMachine.create();
    const aborted = mesh.deploy(async () => {
      await provenAnew(mesh.world);
      mesh.aborting.abort();
    });
    await expect(aborted).rejects.toMatchObject({ code: 'hypermesh.proof_stale' });
    expect(mesh.attempts).toHaveLength(1);
  });

  test('needs a node with a current verdict, for which the caller may wait', async () => {
    const mesh = await OneMachine.create();
    for (let turn = 0; turn < 2; turn++) nextWindow(mesh.world);
    await expect(mesh.deploy(() => {})).rejects.toMatchObject({ code: 'hypermesh.proof_missing', data: { nodes: ALL.length } });
    const receipt = await mesh.deploy(() => {}, {
      awaitSponsorship: async (ask) => {
        await expect(ask()).rejects.toMatchObject({ code: 'hypermesh.proof_missing' });
        await mesh.world.prove(2);
        return ask();
      },
    });
    expect(receipt.code).toBe('');
  });

  test('solves no larger puzzle than a mesh may have, whatever a validator says', async () => {
    const { world } = await OneMachine.create();
    const parameters = { ...world.query('parameters', 0), operationPuzzleBits: 32 };
    const client: Pick<MeshClient, 'query'> = {
      query: async (_machine, method, argument) => ({
        height: 1,
        result:
          method === 'parameters'
            ? encode(MESH_QUERIES.parameters.answer, parameters)
            : (world.machine.query?.(world.state, method, argument) as Uint8Array),
      }),
    };
    const asked = findSponsorship(client, world.id(3), { signal: new AbortController().signal });
    await expect(asked).rejects.toMatchObject({ code: 'hypermesh.genesis_parameter', data: { value: 32, max: 24 } });
  });

  test('may be vouched for by a cordoned node, or no single node could ever be uncordoned', async () => {
    const mesh = await OneMachine.create();
    const { world } = mesh;
    for (const node of ALL)
      world.applyProven(world.id(node), { kind: 'node.cordon', node: world.id(node), cordoned: true, drain: false, proof: null });
    expect((await mesh.deploy(() => {})).code).toBe('');
  });
});

describe('the sponsor', () => {
  const id = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
  const nodes = (...verdicts: readonly (readonly [window: number, orderedAt: number] | null)[]): Parameters<typeof chooseSponsor>[0] =>
    verdicts.map((held, at) => ({
      node: { id: id(at) } as Parameters<typeof chooseSponsor>[0][number]['node'],
      verdict: held && { window: held[0], sequence: 1, digest: id(100 + at), previous: id(0), orderedAt: held[1] },
    }));

  test.each([
    ['has the newest verdict', nodes([6, 9], [7, 1]), 7, 1],
    ['has the one of that window that was ordered last', nodes([7, 2], [7, 3], [7, 1]), 7, 1],
    ['may have one of the window before', nodes(null, [6, 1]), 7, 1],
  ])('%s', (_, candidates, window, at) => {
    expect(chooseSponsor(candidates, window)).toEqual({ sponsor: id(at), verdict: id(100 + at) });
  });

  test.each([
    ['has no verdict', nodes(null), 7],
    ['has a dropped one', nodes([0, 1]), 1],
    ['has one that is too old', nodes([5, 1]), 7],
  ])('is no node that %s', (_, candidates, window) => expect(chooseSponsor(candidates, window)).toBeUndefined());
});
