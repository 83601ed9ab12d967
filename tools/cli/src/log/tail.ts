import { formatId } from '@hypermesh/stoq';
import type { CommandContext } from '../command.ts';
import type { Output } from '../output.ts';
import { formatTime, hexOf, shortId } from '../text.ts';
import { followVerified, transactionsOf, type VerifiedBlock } from './followed.ts';

export interface TailOptions {
  readonly lines: number;
  readonly from?: number;
  readonly follow?: boolean;
}

export async function tail(context: CommandContext, { lines, from, follow = false }: TailOptions): Promise<void> {
  const session = await context.session();
  const { committedHeight } = await session.mesh.status({ signal: session.signal });
  const after = from === undefined ? Math.max(0, committedHeight - lines) : from - 1;
  if (follow) return stream(context, followVerified(session, after));
  const blocks: VerifiedBlock[] = [];
  if (after < committedHeight) {
    for await (const block of followVerified(session, after)) {
      blocks.push(block);
      if (block.height >= committedHeight) break;
    }
  }
  context.out.result(blocks.map(blockValue), () => blocks.map((block) => blockText(context.out, block)).join('\n'));
}

/** Until Ctrl-C, which is how it ends. */
async function stream({ out, signal }: CommandContext, blocks: AsyncIterable<VerifiedBlock>): Promise<void> {
  try {
    for await (const block of blocks) out.result(blockValue(block), () => blockText(out, block));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function blockValue(verified: VerifiedBlock): object {
  const { height, id, from, block } = verified;
  return {
    height,
    id: formatId('blk', id),
    round: block.round,
    time: block.time,
    proposer: block.proposer,
    executedHeight: block.executedHeight,
    rootOfRoots: hexOf(block.rootOfRoots),
    from,
    transactions: transactionsOf(verified).map(({ id: transaction, body }) => ({
      id: formatId('tx', transaction),
      owner: formatId('node', body.owner),
      sequence: body.sequence,
      machine: body.machine,
      operations: body.operations.length,
    })),
  };
}

function blockText(out: Output, verified: VerifiedBlock): string {
  const { height, id, block } = verified;
  const transactions = transactionsOf(verified);
  const head = `${out.style('bold', String(height))}  ${formatTime(block.time)}  ${shortId(formatId('blk', id))}  round ${block.round}`;
  const lines = transactions.map(
    ({ id: transaction, body }) =>
      `    ${shortId(formatId('tx', transaction))}  ${body.machine}  ${body.operations.length} operations of ${shortId(formatId('node', body.owner))}`,
  );
  return [`${head}  ${transactions.length} transactions`, ...lines].join('\n');
}
