import { encode, type Handlers } from '@hypermesh/stoq';
import type { Clock } from '@hypermesh/stoq';
import type { ValidatorEntry } from '@hypermesh/trustchain';
import { FOLLOW_IDLE_MS, type FollowItem, type MeshMethods, type MeshStatus, QUERY_BYTES_MAX } from '../api.ts';
import { blockCodec } from '../consensus/block.ts';
import { FETCHED_BLOCKS_MAX } from '../consensus/constants.ts';
import { hypermeshError } from '../errors.ts';
import { commitProofCodec, type FinalBlocks } from './block-store.ts';
import type { ValidatorLog } from './validator-log.ts';

export interface MeshServiceComponents {
  /** The running log; throws `hypermesh.not_running`. */
  readonly log: () => ValidatorLog;
  readonly status: () => MeshStatus;
  /** It orders and executes nothing any more. */
  readonly halted: () => boolean;
  readonly clock: Clock;
  readonly validators: readonly ValidatorEntry[];
}

/** What a validator answers to members of the mesh. */
export function meshHandlers({ log, status, halted, clock, validators }: MeshServiceComponents): Handlers<MeshMethods> {
  // Whoever submits or follows is better served by another validator.
  const assertRunning = (): void => {
    if (halted()) throw hypermeshError('hypermesh.not_running');
  };
  return {
    submit: async ({ transaction }) => {
      assertRunning();
      return { id: await log().submit(transaction) };
    },
    submitAll: async ({ transactions }, { peer, signal }) => {
      assertRunning();
      return { taken: await log().submissions.add(peer.id, transactions, signal) };
    },
    receipt: async ({ id, waitMs }, { signal }) => {
      const limit = new AbortController();
      const cancel = clock.after(waitMs, () => limit.abort());
      try {
        return await log().receipts.wait(id, AbortSignal.any([signal, limit.signal]));
      } finally {
        cancel();
      }
    },
    query: async ({ machine, method, argument, minHeight }, { signal }) => {
      const { executor, progressed } = log();
      await progressed.until(() => (executor.height >= minHeight ? true : undefined), signal);
      const result = executor.query(machine, method, argument);
      if (result.length > QUERY_BYTES_MAX)
        throw hypermeshError('hypermesh.result_limit', { bytes: result.length, bytesMax: QUERY_BYTES_MAX });
      return { result, height: executor.height };
    },
    account: async ({ owner }) => {
      const { executor, mempool } = log();
      const executed = executor.sequenceOf(owner);
      return { executed, next: mempool.nextSequence(owner, executed) };
    },
    status: async () => status(),
    validators: async () => ({
      validators: validators.map(({ name, nodeId, addresses, voteKey }) => ({ name, nodeId, addresses, voteAlgorithm: voteKey.algorithm })),
    }),
    follow: ({ afterHeight }, { signal }) => follow(log(), afterHeight, { clock, signal, halted, assertRunning }),
  };
}

interface Following extends Pick<MeshServiceComponents, 'clock' | 'halted'> {
  readonly signal: AbortSignal;
  /** Throws `hypermesh.not_running`. */
  readonly assertRunning: () => void;
}

async function* follow(log: ValidatorLog, afterHeight: number, following: Following): AsyncGenerator<FollowItem, void> {
  for (let height = afterHeight; !following.signal.aborted;) {
    following.assertRunning();
    const final = await log.blocks.finalAfter(height, FETCHED_BLOCKS_MAX);
    const last = final?.blocks.at(-1)?.height;
    // What was executed here has all its batches here.
    if (final === undefined || last === undefined || last > log.executor.height) {
      if (!(await isProgress(log, height, following))) yield { kind: 'idle' };
      continue;
    }
    yield* itemsOf(log, final);
    height = last;
  }
}

async function* itemsOf(log: ValidatorLog, { blocks, proof }: FinalBlocks): AsyncGenerator<FollowItem, void> {
  yield { kind: 'final', blocks: blocks.map(({ block }) => encode(blockCodec, block)), proof: encode(commitProofCodec, proof) };
  for (const { block } of blocks) {
    for (const digest of block.batches) {
      const batch = await log.vault.encoded(digest);
      if (batch === undefined) throw hypermeshError('hypermesh.batch_unknown');
      yield { kind: 'batch', batch };
    }
  }
}

/** Waits until more was executed than `height`, or nothing ever will be; false after a while without. */
async function isProgress(log: ValidatorLog, height: number, { clock, signal, halted }: Following): Promise<boolean> {
  const idle = new AbortController();
  const cancel = clock.after(FOLLOW_IDLE_MS, () => idle.abort());
  const before = log.executor.height;
  try {
    // A block that ends in the middle of a commit waits for the rest of it.
    const answer = (): true | undefined => (halted() || log.executor.height > Math.max(before, height) ? true : undefined);
    await log.progressed.until(answer, AbortSignal.any([signal, idle.signal]));
    return true;
  } catch {
    return false;
  } finally {
    cancel();
  }
}
