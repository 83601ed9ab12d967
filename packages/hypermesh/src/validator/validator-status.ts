import type { MeshStatus } from '../api.ts';
import type { ValidatorSet } from '../consensus/validator-set.ts';
import type { ValidatorLog } from './validator-log.ts';

export interface StatusInput {
  readonly log: ValidatorLog;
  readonly set: ValidatorSet;
  /** In the order of the set. */
  readonly names: readonly string[];
  readonly self: number;
  /** Code of the error that stopped the validator; empty while it runs. */
  readonly halted: string;
}

export function statusOf({ log, set, names, self, halted }: StatusInput): MeshStatus {
  const consensus = log.shell.status();
  const silent = new Set([...log.links.filter(({ isUp }) => !isUp).map(({ index }) => index), ...consensus.silent]);
  silent.delete(self);
  const silentNames = [...silent].sort((a, b) => a - b).map((index) => names[index] as string);
  return {
    name: names[self] as string,
    epoch: consensus.epoch,
    round: consensus.round,
    leader: names[consensus.leader] as string,
    committedHeight: consensus.committedHeight,
    executedHeight: log.executor.height,
    root: log.executor.root,
    certifiedHeight: log.receipts.certifiedHeight,
    time: log.executor.time,
    quiet: consensus.quiescent,
    transactions: log.mempool.size,
    silent: silentNames,
    stalled: reasonOf(set, silentNames),
    halted,
  };
}

function reasonOf({ size, quorum }: ValidatorSet, silent: readonly string[]): string {
  const answering = size - silent.length;
  if (answering >= quorum) return '';
  return `${answering} of ${size} validators answer; a quorum needs ${quorum}: no answer from ${silent.join(', ')}`;
}
