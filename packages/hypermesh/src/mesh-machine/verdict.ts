import {
  bytes,
  type Codec,
  type Crypto,
  encode,
  equalBytes,
  hashLabelled,
  labelled,
  list,
  type Signature,
  signatureCodecOf,
  struct,
  uint,
} from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { COMMITTEE_COUNT_MAX } from './limits.ts';
import { readCommitteeMember } from './member.ts';
import { nodeOf } from './node.ts';
import { readParameters } from './parameters.ts';
import { hex, table, type Table } from './table.ts';
import { readWindow } from './window.ts';

/** What each committee member signs about a node once its four proofs of a window have convinced it. */
export interface VerdictStatement {
  readonly meshId: Uint8Array;
  readonly window: number;
  readonly challenge: Uint8Array;
  readonly node: Uint8Array;
  readonly storageRoot: Uint8Array;
  /** WHEN: one more than in the node's last ordered verdict, whose digest is `previous` (zeroes for the first). */
  readonly sequence: number;
  readonly previous: Uint8Array;
}

export interface CommitteeSignature {
  /** Node id of the validator, 32 bytes. */
  readonly member: Uint8Array;
  readonly signature: Signature<'ml-dsa-44'>;
}

/** A node's standing for one window, as ordered. */
export interface Verdict {
  readonly window: number;
  readonly sequence: number;
  /** Digest of the statement. */
  readonly digest: Uint8Array;
  readonly previous: Uint8Array;
  /** Block time in milliseconds. */
  readonly orderedAt: number;
}

export const verdictStatementCodec: Codec<VerdictStatement> = struct({
  meshId: bytes(32),
  window: uint(),
  challenge: bytes(32),
  node: bytes(32),
  storageRoot: bytes(32),
  sequence: uint(),
  previous: bytes(32),
});

export const committeeSignaturesCodec: Codec<readonly CommitteeSignature[]> = list(
  struct({ member: bytes(32), signature: signatureCodecOf('ml-dsa-44') }),
  COMMITTEE_COUNT_MAX,
);

export const verdictCodec: Codec<Verdict> = struct({
  window: uint(),
  sequence: uint(),
  digest: bytes(32),
  previous: bytes(32),
  orderedAt: uint(),
});

const verdicts: Table<Verdict> = table('verdict', verdictCodec);

/** Digest of the verdict that precedes the first. */
export const NO_VERDICT: Uint8Array = new Uint8Array(32);

// Windows count from 1.
const DROPPED = 0;

// A verdict of the window before the last serves while a node works on the new one.
const VERDICT_WINDOWS = 2;

/** The bytes that a committee member signs. */
export function verdictMessage(statement: VerdictStatement): Uint8Array {
  return labelled('hypermesh/verdict/1', encode(verdictStatementCodec, statement));
}

export function readVerdict(state: StateReader, node: Uint8Array): Verdict | undefined {
  return verdicts.read(state, hex(node));
}

/** The verdict if it is of the present window or the one before. */
export function currentVerdict(state: StateReader, node: Uint8Array): Verdict | undefined {
  const verdict = readVerdict(state, node);
  const window = readWindow(state);
  return verdict !== undefined && window !== undefined && isCurrentIn(verdict, window.number) ? verdict : undefined;
}

/** Whether a verdict serves in the window of that number. */
export function isCurrentIn(verdict: Pick<Verdict, 'window'>, windowNumber: number): boolean {
  return verdict.window !== DROPPED && verdict.window + VERDICT_WINDOWS > windowNumber;
}

/** A node whose committed data changed has to prove itself anew. */
export function dropVerdict(state: StateWriter, node: Uint8Array): void {
  const verdict = readVerdict(state, node);
  if (verdict !== undefined) verdicts.write(state, hex(node), { ...verdict, window: DROPPED });
}

/** The statement that the node needs signed in this window; undefined before the first block. */
export function nextStatement(state: StateReader, node: Uint8Array): VerdictStatement | undefined {
  const window = readWindow(state);
  if (window === undefined) return undefined;
  const last = readVerdict(state, node);
  return {
    meshId: readParameters(state).meshId,
    window: window.number,
    challenge: window.challenge,
    node,
    storageRoot: nodeOf(state, node).storageRoot,
    sequence: (last?.sequence ?? 0) + 1,
    previous: last?.digest ?? NO_VERDICT,
  };
}

/** Orders a verdict. Throws `hypermesh.proof_foreign`, `.proof_replayed`, `.proof_stale`, `.proof_invalid`. */
export function recordVerdict(
  state: StateWriter,
  ordered: { readonly statement: VerdictStatement; readonly signatures: readonly CommitteeSignature[] },
  context: { readonly owner: Uint8Array; readonly time: number; readonly verify: Crypto['verify'] },
): void {
  const { statement, signatures } = ordered;
  if (!equalBytes(statement.node, context.owner)) throw hypermeshError('hypermesh.proof_foreign', { reason: 'another node' });
  const expected = nextStatement(state, context.owner);
  if (expected === undefined || statement.window < expected.window) throw hypermeshError('hypermesh.proof_stale');
  if (statement.sequence < expected.sequence || readVerdict(state, context.owner)?.window === expected.window) {
    throw hypermeshError('hypermesh.proof_replayed', { window: statement.window });
  }
  assertSame(statement, expected);
  assertSigned(state, statement, signatures, context.verify);
  verdicts.write(state, hex(context.owner), {
    window: statement.window,
    sequence: statement.sequence,
    digest: hashLabelled('hypermesh/verdict/1', encode(verdictStatementCodec, statement)),
    previous: statement.previous,
    orderedAt: context.time,
  });
}

function assertSame(statement: VerdictStatement, expected: VerdictStatement): void {
  if (!equalBytes(statement.meshId, expected.meshId)) throw hypermeshError('hypermesh.proof_foreign', { reason: 'another mesh' });
  const same = Buffer.compare(encode(verdictStatementCodec, statement), encode(verdictStatementCodec, expected)) === 0;
  if (!same) throw hypermeshError('hypermesh.proof_invalid', { reason: 'not what the state says of this window' });
}

function assertSigned(
  state: StateReader,
  statement: VerdictStatement,
  signatures: readonly CommitteeSignature[],
  verify: Crypto['verify'],
): void {
  const message = verdictMessage(statement);
  const signers = new Set<string>();
  for (const { member, signature } of signatures) {
    const known = readCommitteeMember(state, member);
    if (known === undefined) throw hypermeshError('hypermesh.proof_foreign', { reason: 'signed by no committee member' });
    if (!verify(known.witnessKey, message, signature)) throw hypermeshError('hypermesh.proof_invalid', { reason: 'signature' });
    signers.add(hex(member));
  }
  const { quorum } = readParameters(state);
  if (signers.size < quorum) throw hypermeshError('hypermesh.proof_invalid', { signers: signers.size, quorum });
}
