import { systemEntropy } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proveOperation, type ProvenOperation } from '../../src/mesh-machine/operation.ts';
import type { OperationProof } from '../../src/mesh-machine/operation-proof.ts';
import { isSolved, solvePuzzle } from '../../src/mesh-machine/puzzle.ts';
import { nextStatement, readVerdict, type VerdictStatement } from '../../src/mesh-machine/verdict.ts';
import { appSpec, codeOf, found, type Founded, World } from './fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

const WINDOW_MS = 60_000;
const ALL = [0, 1, 2, 3];

async function ready(): Promise<World> {
  const world = await new World(founded, { operationPuzzleBits: 8 }).ready();
  world.fund('hello');
  world.fund('other');
  return world;
}
const deployment = (changes: Partial<ReturnType<typeof appSpec>> = {}): ProvenOperation => ({
  kind: 'app.deploy',
  spec: appSpec(changes),
  proof: null,
});
const nextWindow = (world: World): void => world.run(WINDOW_MS, ALL);
const statementOf = (world: World, node: number): VerdictStatement => nextStatement(world.state, world.id(node))!;

describe('challenge windows', () => {
  it('open by block time and depend on the block that opens them', () => {
    const world = new World(founded);
    expect(world.query('window', 0)).toBeNull();
    world.block(0);
    const first = world.query('window', 0)!;
    expect(first).toMatchObject({ number: 1, openedAt: world.time });
    world.block(WINDOW_MS - 1);
    expect(world.query('window', 0)).toEqual(first);
    world.block(1);
    expect(world.query('window', 0)).toMatchObject({ number: 2 });
    expect(world.query('window', 0)!.challenge).not.toEqual(first.challenge);
    const other = new World(founded);
    other.height = 7;
    other.block(0);
    expect(other.query('window', 0)!.challenge).not.toEqual(first.challenge);
  });
});

describe('verdicts', () => {
  it('need a quorum, count signers once and form a chain', async () => {
    const world = await ready();
    const first = world.query('verdict', world.id(1))!;
    expect(first).toMatchObject({ window: 1, sequence: 1 });
    nextWindow(world);
    const statement = statementOf(world, 1);
    expect(statement).toMatchObject({ window: 2, sequence: 2, previous: first.digest });
    expect(codeOf(() => world.apply(world.id(1), verdictOf(world, statement, [])))).toBe('hypermesh.proof_invalid');
    const twice = await world.sign(statement, [0, 0, 1]);
    expect(codeOf(() => world.apply(world.id(1), twice))).toBe('hypermesh.proof_invalid');
    world.apply(world.id(1), await world.sign(statement, [3, 1, 0]));
    expect(world.query('verdict', world.id(1))).toMatchObject({ window: 2, sequence: 2, previous: first.digest });
    expect(world.query('verdict', world.id(2))).toMatchObject({ window: 1 });
  });

  it.each<[string, string, (world: World, statement: VerdictStatement) => Partial<VerdictStatement>]>([
    ['of another node', 'hypermesh.proof_foreign', (world) => ({ node: world.id(2) })],
    ['of another mesh', 'hypermesh.proof_foreign', () => ({ meshId: new Uint8Array(32) })],
    ['of an earlier window', 'hypermesh.proof_stale', (_, { window }) => ({ window: window - 1 })],
    ['of a later window', 'hypermesh.proof_invalid', (_, { window }) => ({ window: window + 1 })],
    ['over other data', 'hypermesh.proof_invalid', () => ({ storageRoot: new Uint8Array(32) })],
    ['with another challenge', 'hypermesh.proof_invalid', () => ({ challenge: new Uint8Array(32) })],
    ['with an old sequence', 'hypermesh.proof_replayed', (_, { sequence }) => ({ sequence: sequence - 1 })],
    ['with a gap in the sequence', 'hypermesh.proof_invalid', (_, { sequence }) => ({ sequence: sequence + 1 })],
    ['with another history', 'hypermesh.proof_invalid', () => ({ previous: new Uint8Array(32).fill(9) })],
  ])('refuse a statement %s although signed', async (_, code, change) => {
    const world = await ready();
    nextWindow(world);
    const statement = statementOf(world, 1);
    const signed = await world.sign({ ...statement, ...change(world, statement) }, [0, 1, 2]);
    expect(codeOf(() => world.apply(world.id(1), signed))).toBe(code);
  });

  it('refuse replays, altered signatures and strangers as signers', async () => {
    const world = await ready();
    nextWindow(world);
    const signed = await world.sign(statementOf(world, 1), [0, 1, 2]);
    const [first, second, third] = signed.signatures;
    const bytes = Uint8Array.from(first!.signature.bytes);
    bytes[100]! ^= 1;
    const forged = { ...signed, signatures: [{ ...first!, signature: { ...first!.signature, bytes } }, second!, third!] };
    expect(codeOf(() => world.apply(world.id(1), forged))).toBe('hypermesh.proof_invalid');
    const stranger = { ...signed, signatures: [{ ...first!, member: new Uint8Array(32) }, second!, third!] };
    expect(codeOf(() => world.apply(world.id(1), stranger))).toBe('hypermesh.proof_foreign');
    world.apply(world.id(1), signed);
    expect(codeOf(() => world.apply(world.id(1), signed))).toBe('hypermesh.proof_replayed');
  });

  it('are void once the node commits to other data', async () => {
    const world = await ready();
    expect(world.query('node', world.id(1))).toMatchObject({ schedulable: true });
    world.describe(1, { storageRoot: new Uint8Array(32).fill(99) });
    expect(world.query('node', world.id(1))).toMatchObject({ schedulable: false });
    await world.prove(1);
    expect(world.query('node', world.id(1))).toMatchObject({ schedulable: true });
  });

  it('serve for their window and the next', async () => {
    const world = await ready();
    nextWindow(world);
    expect(world.query('node', world.id(1))).toMatchObject({ schedulable: true });
    nextWindow(world);
    expect(world.query('node', world.id(1))).toMatchObject({ schedulable: false });
  });
});

describe('proof of an operation', () => {
  const altered = (operation: ProvenOperation, change: Partial<OperationProof>): ProvenOperation => ({
    ...operation,
    proof: { ...operation.proof!, ...change },
  });

  it.each<[string, string, (world: World) => Promise<ProvenOperation> | ProvenOperation]>([
    ['missing', 'hypermesh.proof_missing', () => deployment()],
    ['of a sponsor without verdict', 'hypermesh.proof_missing', (world) => world.proven(world.id(3), deployment(), new Uint8Array(32))],
    [
      'stale: two windows old',
      'hypermesh.proof_stale',
      (world) => {
        const operation = world.proven(world.id(3), deployment());
        nextWindow(world);
        nextWindow(world);
        return operation;
      },
    ],
    [
      'stale: the verdict before the current one',
      'hypermesh.proof_stale',
      async (world) => {
        const operation = world.proven(world.id(3), deployment());
        nextWindow(world);
        await world.prove(0);
        return operation;
      },
    ],
    [
      'foreign: a verdict of another node',
      'hypermesh.proof_foreign',
      (world) =>
        proveOperation(
          deployment(),
          {
            meshId: world.meshId,
            owner: world.id(3),
            sponsor: world.id(0),
            verdict: readVerdict(world.state, world.id(1))!.digest,
            puzzleBits: 8,
          },
          systemEntropy,
        ),
    ],
    ['foreign: of another owner', 'hypermesh.proof_foreign', (world) => world.proven(world.id(2), deployment())],
    [
      'foreign: of another operation',
      'hypermesh.proof_foreign',
      (world) => ({ ...deployment(), proof: world.proven(world.id(3), deployment({ replicas: 2 })).proof }),
    ],
    [
      'foreign: of another mesh',
      'hypermesh.proof_foreign',
      (world) => {
        const verdict = readVerdict(world.state, world.id(0))!.digest;
        const sponsorship = { meshId: new Uint8Array(32), owner: world.id(3), sponsor: world.id(0), verdict, puzzleBits: 8 };
        return proveOperation(deployment(), sponsorship, systemEntropy);
      },
    ],
    [
      'altered: another nonce',
      'hypermesh.proof_invalid',
      (world) => {
        const { meshId } = world;
        const verdict = readVerdict(world.state, world.id(0))!.digest;
        const unworked = { meshId, owner: world.id(3), sponsor: world.id(0), verdict, puzzleBits: 0 };
        // Eight zero bits come without work once in 256 times: look for one that has none.
        for (;;) {
          const operation = proveOperation(deployment(), unworked, systemEntropy);
          if (codeOf(() => world.apply(world.id(3), operation)) === 'hypermesh.proof_invalid') return operation;
        }
      },
    ],
  ])('is refused when it is %s', async (_, code, operation) => {
    const world = await ready();
    const refused = await operation(world);
    expect(codeOf(() => world.apply(world.id(3), refused))).toBe(code);
    expect(world.query('apps', '')).toEqual([]);
  });

  it('is refused when it was used before, also in the next window', async () => {
    const world = await ready();
    const operation = world.proven(world.id(3), deployment());
    world.apply(world.id(3), operation);
    expect(codeOf(() => world.apply(world.id(3), operation))).toBe('hypermesh.proof_replayed');
    nextWindow(world);
    expect(codeOf(() => world.apply(world.id(3), operation))).toBe('hypermesh.proof_replayed');
    nextWindow(world);
    expect(codeOf(() => world.apply(world.id(3), operation))).toBe('hypermesh.proof_stale');
    const used = new TextEncoder().encode('used-proof/');
    expect([...world.state.scan(used)]).toHaveLength(0);
  });

  it('is refused when its nonce is altered after a good one', async () => {
    const world = await ready();
    const good = world.proven(world.id(3), deployment());
    const codes = Array.from({ length: 64 }, (_, step) =>
      codeOf(() => world.apply(world.id(3), altered(good, { nonce: good.proof!.nonce + step + 1 }))),
    );
    expect(codes).toContain('hypermesh.proof_invalid');
  });

  it('may be solved twice for the same operation', async () => {
    const world = await ready();
    const [first, second] = [world.proven(world.id(3), deployment()), world.proven(world.id(3), deployment())];
    world.apply(world.id(3), first);
    expect(codeOf(() => world.apply(world.id(3), second))).toBe('none');
  });
});

describe('puzzles', () => {
  it('count leading zero bits', () => {
    const payload = Uint8Array.of(1, 2, 3);
    for (const bits of [0, 1, 7, 8, 9, 12]) {
      const nonce = solvePuzzle('hypermesh/test/1', payload, bits, 1_000);
      expect(isSolved('hypermesh/test/1', payload, nonce, bits)).toBe(true);
      expect(nonce).toBeGreaterThanOrEqual(1_000);
      expect(isSolved('hypermesh/other/1', payload, nonce, 24)).toBe(false);
    }
  });
});

function verdictOf(world: World, statement: VerdictStatement, signatures: []): Parameters<World['apply']>[1] {
  return { kind: 'verdict', statement: { ...statement, node: world.id(1) }, signatures };
}
