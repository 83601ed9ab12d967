import { encode, equalBytes, hashLabelled } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import { isSolved, solvePuzzle } from '../mesh-machine/puzzle.ts';
import { type VerdictStatement, verdictStatementCodec } from '../mesh-machine/verdict.ts';
import { isInTree } from './merkle.ts';
import { CHUNK_BYTES, CHUNK_COUNT } from './plot.ts';

/** What a node sends to one committee member: WHERE (chunks), WHAT (nonce), WHEN (statement's sequence, clock). */
export interface ProofAnswer {
  /** Digest of the statement that the node wants signed. */
  readonly statement: Uint8Array;
  readonly nonce: number;
  /** The node's clock, milliseconds since the epoch. */
  readonly clock: number;
  readonly chunks: readonly SampledChunk[];
}

export interface SampledChunk {
  readonly index: number;
  readonly chunk: Uint8Array;
  /** Siblings from the leaf to the root. */
  readonly path: readonly Uint8Array[];
}

// Who lacks a quarter of the file is caught with probability 1 - 0.75^4 = 68 % by each member in each window.
export const SAMPLE_COUNT: number = 4;

// Clocks of honest machines differ by less.
export const CLOCK_SKEW_MS_MAX: number = 30_000;

export const PATH_LENGTH: number = Math.log2(CHUNK_COUNT);

const PUZZLE = 'hypermesh/window-puzzle/1';

export function statementDigest(statement: VerdictStatement): Uint8Array {
  return hashLabelled('hypermesh/verdict/1', encode(verdictStatementCodec, statement));
}

/** Which chunks a member's random number asks for: distinct, known only once it has asked. */
export function sampledChunks(statement: VerdictStatement, random: Uint8Array): readonly number[] {
  const chosen = new Set<number>();
  let digest = statementDigest(statement);
  while (chosen.size < SAMPLE_COUNT) {
    const input = new Uint8Array(digest.length + random.length);
    input.set(digest);
    input.set(random, digest.length);
    digest = hashLabelled('hypermesh/plot-sample/1', input);
    for (const byte of digest) if (chosen.size < SAMPLE_COUNT) chosen.add(byte % CHUNK_COUNT);
  }
  return [...chosen];
}

/** Work bound to node, window and mesh. */
export function solveWindowPuzzle(statement: VerdictStatement, bits: number): number {
  return solvePuzzle(PUZZLE, encode(verdictStatementCodec, statement), bits, 0);
}

/** What the member knows by itself. */
export interface Expectation {
  readonly statement: VerdictStatement;
  /** Root of the data that this node must hold, computed by the member. */
  readonly plotRoot: Uint8Array;
  readonly random: Uint8Array;
  /** The member's clock, milliseconds since the epoch. */
  readonly now: number;
  readonly puzzleBits: number;
}

/** Pure. Throws `hypermesh.proof_stale` (another state of the log), `.proof_clock`, `.proof_invalid`. */
export function verifyAnswer(answer: ProofAnswer, expected: Expectation): void {
  const { statement, plotRoot } = expected;
  if (!equalBytes(answer.statement, statementDigest(statement))) throw hypermeshError('hypermesh.proof_stale');
  const skewMs = Math.abs(answer.clock - expected.now);
  if (skewMs > CLOCK_SKEW_MS_MAX) throw hypermeshError('hypermesh.proof_clock', { skewMs, skewMsMax: CLOCK_SKEW_MS_MAX });
  if (!isSolved(PUZZLE, encode(verdictStatementCodec, statement), answer.nonce, expected.puzzleBits)) refuse('puzzle');
  if (!equalBytes(statement.storageRoot, plotRoot)) refuse('committed to other data');
  const wanted = sampledChunks(statement, expected.random);
  if (answer.chunks.length !== wanted.length) refuse('number of chunks');
  wanted.forEach((index, at) => {
    const sampled = answer.chunks[at] as SampledChunk;
    if (sampled.index !== index || sampled.chunk.length !== CHUNK_BYTES) refuse('another chunk');
    if (!isInTree(plotRoot, PATH_LENGTH, sampled)) refuse('chunk');
  });
}

function refuse(reason: string): never {
  throw hypermeshError('hypermesh.proof_invalid', { reason });
}
