import { formatId } from '@hypermesh/stoq';
import { orderSponsored } from '../app/sponsored.ts';
import type { CommandContext } from '../command.ts';
import { findMember } from './members.ts';

export interface CordonChange {
  readonly cordoned: boolean;
  readonly drain: boolean;
}

export async function cordonNode(context: CommandContext, wanted: string, change: CordonChange): Promise<void> {
  const session = await context.session();
  const { id, name } = await findMember(session, wanted);
  const { height } = await orderSponsored(session, { kind: 'node.cordon', node: id, ...change, proof: null }, context.out);
  const what = change.drain ? 'is cordoned, and its work moves elsewhere' : change.cordoned ? 'takes no new work' : 'takes work again';
  context.out.result({ id: formatId('node', id), name, ...change, height }, () => `${name} ${what} since height ${height}.`);
}
