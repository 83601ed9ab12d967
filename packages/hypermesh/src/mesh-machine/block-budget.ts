import { type Codec, struct, uint } from '@hypermesh/stoq';
import { type ApplyContext, SPENT, type StateReader, type StateWriter } from '../machine/machine.ts';
import { EXAMINED_PER_BLOCK_MAX, PLACED_PER_BLOCK_MAX } from './limits.ts';
import { table, type Table } from './table.ts';

/** What the agreed time and the budget of placing go by. */
export type BlockTime = Pick<ApplyContext, 'time' | 'height'>;

/** What placing has cost the block of that height; any other block begins anew. */
interface Spent {
  readonly height: number;
  /** Placements opened. */
  readonly opened: number;
  /** Nodes and placements looked at. */
  readonly examined: number;
}

const spentCodec: Codec<Spent> = struct({ height: uint(), opened: uint(), examined: uint() });
// A rejected transaction gives nothing back: else one that fails at its end could be repeated without limit.
const spent: Table<Spent> = table(SPENT, spentCodec);

/** How many placements the block may still open. */
export function openableIn(state: StateReader, height: number): number {
  return Math.max(0, PLACED_PER_BLOCK_MAX - readSpent(state, height).opened);
}

/** Whether the block may still look for places; the look that reaches the limit is finished. */
export function mayExamine(state: StateReader, height: number): boolean {
  return readSpent(state, height).examined < EXAMINED_PER_BLOCK_MAX;
}

export function spend(state: StateWriter, height: number, { opened, examined }: Pick<Spent, 'opened' | 'examined'>): void {
  if (opened === 0 && examined === 0) return;
  const before = readSpent(state, height);
  spent.write(state, '', { height, opened: before.opened + opened, examined: before.examined + examined });
}

function readSpent(state: StateReader, height: number): Spent {
  const known = spent.read(state, '');
  return known?.height === height ? known : { height, opened: 0, examined: 0 };
}
