import { formatId } from '@hypermesh/stoq';
import { type NodeAnswer, queryMesh } from '@hypermesh/mesh/client';
import type { AppSpec } from '@hypermesh/mesh/machine';
import type { CommandContext } from '../command.ts';
import { whyNot } from '../node/show.ts';
import { formatBytes } from '../text.ts';
import { appText, appValue } from './show.ts';

export interface NodeObjection {
  readonly node: string;
  readonly name: string;
  /** Why it can take no further replica; empty when it can. */
  readonly objection: string;
}

type Demand = Pick<AppSpec, 'resources'> & { readonly package: Pick<AppSpec['package'], 'kind'> };

export async function explainApp(context: CommandContext, name: string): Promise<void> {
  const session = await context.session();
  const { mesh, signal } = session;
  const [answer, nodes] = await Promise.all([queryMesh(mesh, 'app', name, { signal }), queryMesh(mesh, 'nodes', 0, { signal })]);
  const objections = objectionsOf(answer.app.spec, nodes);
  const text = await appText(context, session, answer);
  context.out.result({ ...appValue(answer), nodes: objections }, () =>
    [
      text,
      '',
      context.out.table(
        ['NODE', 'ONE MORE REPLICA'],
        objections.map(({ name: node, objection }) => [node, objection || 'has room']),
      ),
    ].join('\n'),
  );
}

export function objectionsOf(demand: Demand, nodes: readonly NodeAnswer[]): readonly NodeObjection[] {
  return nodes.map((answer) => ({ node: formatId('node', answer.node.id), name: answer.name, objection: objectionOf(demand, answer) }));
}

/** In the order in which placement filters. */
function objectionOf({ package: { kind }, resources }: Demand, answer: NodeAnswer): string {
  const { node, usage } = answer;
  const { capacity } = node;
  if (!node.packageKinds.includes(kind)) return `has no driver for ${kind} packages`;
  if (capacity.cpuMillis < resources.cpuMillis || capacity.memoryBytes < resources.memoryBytes) {
    return `is too small: ${capacity.cpuMillis} thousandths of a core, ${formatBytes(capacity.memoryBytes)}`;
  }
  const closed = whyNot(answer);
  if (closed !== '') return closed;
  const cpuMillis = capacity.cpuMillis - usage.cpuMillis;
  const memoryBytes = capacity.memoryBytes - usage.memoryBytes;
  if (usage.workloads >= capacity.workloads) return `is full: ${usage.workloads} workloads`;
  const fits = cpuMillis >= resources.cpuMillis && memoryBytes >= resources.memoryBytes;
  return fits ? '' : `is full: ${cpuMillis} thousandths of a core and ${formatBytes(memoryBytes)} are free`;
}
