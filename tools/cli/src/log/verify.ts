import { formatId } from '@hypermesh/stoq';
import type { CommandContext } from '../command.ts';
import { hexOf } from '../text.ts';
import { followVerified, transactionsOf, type VerifiedBlock } from './followed.ts';

/**
 * From the first block to the newest: a quorum of the validators of genesis has made each final, each names the one before,
 * and its batches are those that it orders. Nothing is executed: the state is vouched for by the quorum.
 */
export async function verifyLog(context: CommandContext): Promise<void> {
  const session = await context.session();
  const { committedHeight } = await session.mesh.status({ signal: session.signal });
  let transactions = 0;
  let last: VerifiedBlock | undefined;
  if (committedHeight > 0) {
    for await (const block of followVerified(session, 0)) {
      transactions += transactionsOf(block).length;
      last = block;
      if (block.height >= committedHeight) break;
    }
  }
  const height = last?.height ?? 0;
  const root = last === undefined ? null : { height: last.block.executedHeight, root: hexOf(last.block.rootOfRoots) };
  const block = last === undefined ? null : formatId('blk', last.id);
  context.out.result({ verified: true, height, block, transactions, certifiedState: root }, () =>
    [
      `Verified ${height} blocks with ${transactions} transactions; the last is ${block ?? 'genesis'}.`,
      root === null ? 'No state is certified yet.' : `The quorum vouches for the state of height ${root.height}: ${root.root}.`,
    ].join('\n'),
  );
}
