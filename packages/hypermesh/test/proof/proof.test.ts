import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode, systemEntropy } from '@hypermesh/stoq';
import { settle, SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { nextStatement, type VerdictStatement } from '../../src/mesh-machine/verdict.ts';
import {
  CLOCK_SKEW_MS_MAX,
  PATH_LENGTH,
  type ProofAnswer,
  SAMPLE_COUNT,
  sampledChunks,
  solveWindowPuzzle,
  statementDigest,
  verifyAnswer,
} from '../../src/proof/answer.ts';
import { ANSWER_MS_MAX, type Committee, createCommittee } from '../../src/proof/committee.ts';
import { proofContract } from '../../src/proof/contract.ts';
import { CHUNK_BYTES, CHUNK_COUNT } from '../../src/proof/plot.ts';
import { openPlot, type Plot } from '../../src/proof/plot-file.ts';
import { createProofKeeper } from '../../src/proof/proof-keeper.ts';
import { openProvenance } from '../../src/proof/provenance.ts';
import { type CommitteePeer, proveWindow } from '../../src/proof/prover.ts';
import { codeOf, found, type Founded, World } from '../mesh-machine/fixture.ts';

let founded: Founded;
let directory: string;
let plot: Plot;
let world: World;

// Node 0 proves itself; its file is made once.
beforeAll(async () => {
  founded = await found();
  directory = await mkdtemp(join(tmpdir(), 'proof-'));
  plot = await openPlot(directory, new World(founded).meshId, founded.validators[0]!.id);
}, 60_000);
afterAll(async () => {
  await plot.close();
  await rm(directory, { recursive: true });
  await founded.crypto.close();
});

function fresh(): World {
  const made = new World(founded);
  made.block(0);
  made.describe(0, { storageRoot: plot.root });
  return made;
}

async function answerOf(
  statement: VerdictStatement,
  random: Uint8Array,
  clock: number,
  changes: Partial<ProofAnswer> = {},
): Promise<ProofAnswer> {
  const chunks = await Promise.all(sampledChunks(statement, random).map(async (index) => ({ index, ...(await plot.read(index)) })));
  return { statement: statementDigest(statement), nonce: solveWindowPuzzle(statement, 4), clock, chunks, ...changes };
}

describe('an answer', () => {
  const random = new Uint8Array(32).fill(7);
  const now = 1_000_000;
  const statement = (): VerdictStatement => nextStatement(fresh().state, founded.validators[0]!.id)!;

  it('samples distinct chunks that depend on the member and the window', () => {
    const chosen = sampledChunks(statement(), random);
    expect(new Set(chosen).size).toBe(SAMPLE_COUNT);
    expect(chosen.every((index) => index >= 0 && index < CHUNK_COUNT)).toBe(true);
    expect(sampledChunks(statement(), new Uint8Array(32))).not.toEqual(chosen);
    expect(sampledChunks({ ...statement(), window: 2 }, random)).not.toEqual(chosen);
  });

  it.each([0, -CLOCK_SKEW_MS_MAX, CLOCK_SKEW_MS_MAX])('that is right is accepted, with a clock off by %d ms', async (skewMs) => {
    const expected = { statement: statement(), plotRoot: plot.root, random, now, puzzleBits: 4 };
    const answer = await answerOf(statement(), random, now + skewMs);
    expect(codeOf(() => verifyAnswer(answer, expected))).toBe('none');
  });

  it.each<[string, string, (answer: ProofAnswer) => Partial<ProofAnswer>]>([
    ['about another state of the log', 'hypermesh.proof_stale', () => ({ statement: new Uint8Array(32) })],
    ['with a clock that runs ahead', 'hypermesh.proof_clock', () => ({ clock: now + CLOCK_SKEW_MS_MAX + 1 })],
    ['with a clock that runs behind', 'hypermesh.proof_clock', () => ({ clock: now - CLOCK_SKEW_MS_MAX - 1 })],
    ['with a chunk less', 'hypermesh.proof_invalid', ({ chunks }) => ({ chunks: chunks.slice(1) })],
    ['with chunks in another order', 'hypermesh.proof_invalid', ({ chunks }) => ({ chunks: [...chunks].reverse() })],
    [
      'with a changed chunk',
      'hypermesh.proof_invalid',
      ({ chunks }) => ({ chunks: [{ ...chunks[0]!, chunk: new Uint8Array(CHUNK_BYTES) }, ...chunks.slice(1)] }),
    ],
    [
      'with a short chunk',
      'hypermesh.proof_invalid',
      ({ chunks }) => ({ chunks: [{ ...chunks[0]!, chunk: new Uint8Array() }, ...chunks.slice(1)] }),
    ],
    [
      'with a changed path',
      'hypermesh.proof_invalid',
      ({ chunks }) => ({ chunks: [{ ...chunks[0]!, path: chunks[1]!.path }, ...chunks.slice(1)] }),
    ],
  ])('%s is refused', async (_, code, change) => {
    const answer = await answerOf(statement(), random, now);
    const expected = { statement: statement(), plotRoot: plot.root, random, now, puzzleBits: 4 };
    expect(codeOf(() => verifyAnswer({ ...answer, ...change(answer) }, expected))).toBe(code);
  });

  it('without work is refused', async () => {
    const answer = await answerOf(statement(), random, now);
    const expected = { statement: statement(), plotRoot: plot.root, random, now, puzzleBits: 24 };
    expect(codeOf(() => verifyAnswer(answer, expected))).toBe('hypermesh.proof_invalid');
  });

  it('over data that the member did not expect of this node is refused, however well it is committed to', async () => {
    const answer = await answerOf(statement(), random, now);
    const expected = { statement: statement(), plotRoot: new Uint8Array(32), random, now, puzzleBits: 4 };
    expect(codeOf(() => verifyAnswer(answer, expected))).toBe('hypermesh.proof_invalid');
  });

  it('fits the contract', async () => {
    const answer = await answerOf(statement(), random, now);
    expect(proofContract.methods.answer.request.parse(answer)).toEqual(answer);
    expect(answer.chunks[0]!.path).toHaveLength(PATH_LENGTH);
    const size = answer.chunks.reduce((sum, { chunk, path }) => sum + chunk.length + 40 * path.length, 0);
    expect(size).toBeLessThan(proofContract.methods.answer.requestBytesMax);
    expect(proofContract.methods.answer.request.safeParse({ ...answer, chunks: answer.chunks.slice(1) }).success).toBe(false);
  });
});

function committeeOf(at: number, clock: SteppedClock, of: World = world): Committee {
  const witness = founded.crypto.createSigner(founded.validators[at]!.witness);
  return createCommittee({ state: () => of.state, witness, clock, entropy: systemEntropy });
}

describe('a committee member', () => {
  const clock = new SteppedClock();
  const node = (): Uint8Array => founded.validators[0]!.id;

  it('signs what it has asked for and checked, once a challenge', async () => {
    world = fresh();
    const committee = committeeOf(1, clock);
    const { random } = await committee.challenge(node(), { window: 1 });
    const answer = await answerOf(nextStatement(world.state, node())!, random, clock.now());
    const { signature } = await committee.answer(node(), answer);
    expect(signature).toHaveLength(2_420);
    await expect(committee.answer(node(), answer)).rejects.toMatchObject({ code: 'hypermesh.proof_missing' });
  });

  it('measures the time itself', async () => {
    world = fresh();
    const committee = committeeOf(1, clock);
    const statement = nextStatement(world.state, node())!;
    for (const [tookMs, code] of [
      [ANSWER_MS_MAX, 'none'],
      [ANSWER_MS_MAX + 1, 'hypermesh.proof_late'],
    ] as const) {
      const { random } = await committee.challenge(node(), { window: 1 });
      await clock.stepAndSettle(tookMs);
      const outcome = await committee.answer(node(), await answerOf(statement, random, clock.now())).catch((error: unknown) => error);
      expect((outcome as { code?: string }).code ?? 'none').toBe(code);
    }
  });

  it('asks anew: chunks of an earlier challenge do not do', async () => {
    world = fresh();
    const committee = committeeOf(1, clock);
    const { random } = await committee.challenge(node(), { window: 1 });
    await committee.challenge(node(), { window: 1 });
    const answer = await answerOf(nextStatement(world.state, node())!, random, clock.now());
    await expect(committee.answer(node(), answer)).rejects.toMatchObject({ code: 'hypermesh.proof_invalid' });
  });

  it('refuses strangers, nodes that have not described themselves and other windows', async () => {
    world = fresh();
    const committee = committeeOf(1, clock);
    await expect(committee.challenge(new Uint8Array(32), { window: 1 })).rejects.toMatchObject({ code: 'hypermesh.member_unknown' });
    await expect(committee.challenge(world.id(1), { window: 1 })).rejects.toMatchObject({ code: 'hypermesh.node_unknown' });
    await expect(committee.challenge(node(), { window: 2 })).rejects.toMatchObject({ code: 'hypermesh.proof_stale' });
    const early = new World(founded);
    early.describe(0);
    await expect(committeeOf(1, clock, early).challenge(node(), { window: 1 })).rejects.toMatchObject({ code: 'hypermesh.proof_stale' });
  });

  it('refuses data that another node made', async () => {
    world = fresh();
    world.describe(1, { storageRoot: plot.root });
    const committee = committeeOf(2, clock);
    const { random } = await committee.challenge(world.id(1), { window: 1 });
    const answer = await answerOf(nextStatement(world.state, world.id(1))!, random, clock.now());
    await expect(committee.answer(world.id(1), answer)).rejects.toMatchObject({ code: 'hypermesh.proof_invalid' });
  });

  it('serves the caller under its own identity', async () => {
    world = fresh();
    const { handlers } = committeeOf(1, clock);
    const context = { peer: { id: node() }, signal: new AbortController().signal } as Parameters<typeof handlers.challenge>[1];
    const { random } = await handlers.challenge({ window: 1 }, context);
    const answer = await answerOf(nextStatement(world.state, node())!, random, clock.now());
    expect(await handlers.answer(answer, context)).toEqual({ signature: expect.any(Uint8Array) });
  });
});

/** Members in this process; `broken` ones refuse. */
function peersOf(clock: SteppedClock, broken: readonly number[] = []): CommitteePeer[] {
  return founded.validators.map(({ id }, at) => {
    const committee = committeeOf(at, clock);
    const self = founded.validators[0]!.id;
    return {
      member: id,
      challenge: (request) => (broken.includes(at) ? Promise.reject(hypermeshFailure()) : committee.challenge(self, request)),
      answer: (answer) => committee.answer(self, answer),
    };
  });
}
function hypermeshFailure(): unknown {
  try {
    return new World(founded).query('app', 'nobody');
  } catch (error) {
    return error;
  }
}

describe('a prover', () => {
  const signal = new AbortController().signal;
  const clock = new SteppedClock();
  const components = (peers: readonly CommitteePeer[]) => ({
    node: founded.validators[0]!.id,
    plot,
    state: () => world.state,
    peers,
    crypto: founded.crypto,
    clock,
  });

  it('earns a verdict from a quorum, that the machine accepts', async () => {
    world = fresh();
    const verdict = await proveWindow(components(peersOf(clock, [2])), signal);
    expect(verdict.signatures).toHaveLength(3);
    world.apply(world.id(0), verdict);
    expect(world.query('verdict', world.id(0))).toMatchObject({ window: 1, sequence: 1 });
  });

  it('says what is missing when too few members sign', async () => {
    world = fresh();
    await expect(proveWindow(components(peersOf(clock, [1, 2])), signal)).rejects.toMatchObject({
      code: 'hypermesh.quorum_lost',
      data: { signatures: 2, quorum: 3, code: 'hypermesh.app_unknown' },
    });
    world = new World(founded);
    world.describe(0);
    await expect(proveWindow(components([]), signal)).rejects.toMatchObject({ code: 'hypermesh.proof_missing' });
  });

  it('does not count a member that signs something else', async () => {
    world = fresh();
    const [first, second, third] = peersOf(clock);
    const lying = { ...third!, answer: async () => ({ signature: new Uint8Array(2_420) }) };
    await expect(proveWindow(components([first!, second!, lying]), signal)).rejects.toMatchObject({
      code: 'hypermesh.quorum_lost',
      data: { code: 'hypermesh.proof_invalid' },
    });
  });
});

describe('the keeper of proofs', () => {
  it('proves each window once, tries again after a failure and keeps the chain', async () => {
    world = fresh();
    const clock = new SteppedClock();
    const failures: unknown[] = [];
    const listeners = new Set<() => void>();
    const home = await temporary();
    const provenance = await openProvenance(join(home, 'provenance'), world.id(0));
    await provenance.append('genesis', new Uint8Array(), clock.now());
    const broken = [1, 2];
    const peers = peersOf(clock).map((peer, at) => ({
      ...peer,
      challenge: (request: { window: number }, options: { signal: AbortSignal }) =>
        broken.includes(at) ? Promise.reject(hypermeshFailure()) : peer.challenge(request, options),
    }));
    let submitted = 0;
    const keeper = createProofKeeper({
      node: world.id(0),
      plot,
      peers,
      crypto: founded.crypto,
      clock,
      source: {
        state: () => world.state,
        onChange(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      async submit(operations) {
        submitted += 1;
        return operations.map((operation) => world.apply(world.id(0), operation));
      },
      provenance,
      onFailure: (error) => failures.push(error),
    });
    const changed = (): void => listeners.forEach((listener) => listener());
    keeper.start();
    await until(() => failures.length === 1);
    expect(hasCode(failures[0], 'hypermesh.quorum_lost')).toBe(true);
    changed();
    await settle();
    expect(submitted).toBe(0);
    broken.length = 0;
    await clock.stepAndSettle(500);
    await until(() => provenance.length === 2);
    expect(submitted).toBe(1);
    changed();
    await settle();
    expect(submitted).toBe(1);
    world.block(60_000);
    changed();
    await until(() => provenance.length === 3);
    expect(world.query('verdict', world.id(0))).toMatchObject({ window: 2, sequence: 2 });
    await keeper.stop();
    world.block(60_000);
    changed();
    expect(listeners.size).toBe(0);
    await provenance.close();
  });
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(20_000);
  while (!holds() && !deadline.aborted) await new Promise((resolve) => setImmediate(resolve));
  expect(holds()).toBe(true);
}

async function temporary(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'proof-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
