import { formatId } from '@hypermesh/stoq';
import { type NodeAnswer, queryMesh } from '@hypermesh/mesh/client';
import type { CommandContext } from '../command.ts';
import { cliError } from '../errors.ts';
import { placementTable, placementValue } from '../app/placement-view.ts';
import { formatBytes, formatTime, yesNo } from '../text.ts';
import { findMember } from './members.ts';

export async function listNodes(context: CommandContext): Promise<void> {
  const { mesh, signal } = await context.session();
  const nodes = await queryMesh(mesh, 'nodes', 0, { signal });
  context.out.result(nodes.map(nodeValue), () =>
    context.out.table(
      ['NODE', 'TAKES WORK', 'RUNS', 'CPU', 'MEMORY', 'WORKLOADS', 'INGRESS'],
      nodes.map(({ node, name, usage, ...answer }) => [
        name,
        whyNot({ node, ...answer }) || 'yes',
        node.packageKinds.join(' '),
        `${usage.cpuMillis}/${node.capacity.cpuMillis}m`,
        `${formatBytes(usage.memoryBytes)}/${formatBytes(node.capacity.memoryBytes)}`,
        `${usage.ready} ready of ${usage.workloads}/${node.capacity.workloads}`,
        node.ingress ?? '',
      ]),
    ),
  );
}

export async function showNode(context: CommandContext, wanted: string): Promise<void> {
  const session = await context.session();
  const { mesh, signal } = session;
  const { id } = await findMember(session, wanted);
  const answer = await queryMesh(mesh, 'node', id, { signal });
  if (answer === null) throw cliError('cli.not_found', { node: wanted, reason: 'a member, but it has not described itself as a node' });
  const placements = (await queryMesh(mesh, 'placements', { app: null, node: id, after: '' }, { signal })).filter(
    ({ phase }) => phase !== 'closed',
  );
  context.out.result({ ...nodeValue(answer), placements: placements.map((placement) => placementValue(placement)) }, () =>
    [nodeText(context, answer), '', placementTable(context.out, placements, new Map([[formatId('node', id), answer.name]]))].join('\n'),
  );
}

export function nodeValue({ node, name, lease, usage, verdict, schedulable }: NodeAnswer): object {
  const { capacity, packageKinds, addresses, ingress, cordoned } = node;
  const leased = lease === null ? null : { number: lease.number, expiresAt: lease.expiresAt, expired: lease.expired };
  const proven = verdict === null ? null : { window: verdict.window, sequence: verdict.sequence, orderedAt: verdict.orderedAt };
  return {
    id: formatId('node', node.id),
    name,
    schedulable,
    cordoned,
    packageKinds,
    capacity,
    usage,
    addresses,
    ingress,
    lease: leased,
    verdict: proven,
  };
}

/** Why a node takes no work, in a word or two; empty when it does. */
export function whyNot({ node, lease, verdict, schedulable }: Omit<NodeAnswer, 'name' | 'usage'>): string {
  if (schedulable) return '';
  if (node.cordoned) return 'cordoned';
  if (lease === null || lease.expired) return 'no lease';
  return verdict === null ? 'no proof of state' : 'out of service or unproven';
}

function nodeText({ out }: CommandContext, answer: NodeAnswer): string {
  const { node, name, lease, usage, verdict } = answer;
  return out.fields([
    ['node', `${name}  ${formatId('node', node.id)}`],
    ['takes work', whyNot(answer) || 'yes'],
    ['runs', node.packageKinds.join(', ')],
    ['cpu', `${usage.cpuMillis} of ${node.capacity.cpuMillis} thousandths of a core`],
    ['memory', `${formatBytes(usage.memoryBytes)} of ${formatBytes(node.capacity.memoryBytes)}`],
    ['workloads', `${usage.workloads} of ${node.capacity.workloads}, ${usage.ready} ready`],
    ['addresses', node.addresses.join(', ')],
    ['ingress', node.ingress ?? 'none'],
    ['lease', lease === null ? 'none' : `number ${lease.number} until ${formatTime(lease.expiresAt)}, expired: ${yesNo(lease.expired)}`],
    ['proof', verdict === null ? 'none' : `window ${verdict.window}, ordered at ${formatTime(verdict.orderedAt)}`],
  ]);
}
