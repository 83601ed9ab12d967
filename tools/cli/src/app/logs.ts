import { formatId, hasCode } from '@hypermesh/stoq';
import { type NodeAnswer, queryMesh, workloadContract } from '@hypermesh/mesh/client';
import type { Placement } from '@hypermesh/mesh/machine';
import type { CommandContext } from '../command.ts';
import { cliError } from '../errors.ts';
import { explain } from '../explanation.ts';
import { type Output, plainText } from '../output.ts';
import type { Session } from '../session.ts';
import { shortId } from '../text.ts';

export interface LogsOptions {
  readonly lines: number;
  readonly replica?: string;
}

interface ReplicaOutput {
  readonly placement: Placement;
  readonly node: string;
  readonly lines: readonly string[];
  /** Why its node gives none; undefined when it does. */
  readonly failure?: unknown;
}

/** What the replicas of an app printed, from the nodes that run them. Throws `cli.not_found` and, when no node answers, its error. */
export async function showLogs(context: CommandContext, name: string, { lines, replica }: LogsOptions): Promise<void> {
  const session = await context.session();
  const { mesh, signal } = session;
  const [{ placements }, nodes] = await Promise.all([queryMesh(mesh, 'app', name, { signal }), queryMesh(mesh, 'nodes', 0, { signal })]);
  const wanted = placements.filter(({ id }) => replica === undefined || id === replica);
  if (wanted.length === 0 && replica !== undefined) throw cliError('cli.not_found', { replica, app: name });
  const outputs = await Promise.all(wanted.map((placement) => outputOf(session, placement, nodes, lines)));
  const failed = outputs.filter(({ failure }) => failure !== undefined);
  const none = failed.length > 0 && failed.length === outputs.length;
  // The first failure ends the command where nobody answers.
  for (const { placement, node, failure } of none ? failed.slice(1) : failed) {
    const { error } = await explain(failure);
    context.out.notice(oneLine(`${placement.id} on ${node}: ${error instanceof Error ? error.message : String(error)}`));
  }
  if (none) throw failed[0]?.failure;
  context.out.result(outputs.map(outputValue), () => outputText(context.out, outputs));
}

async function outputOf(session: Session, placement: Placement, nodes: readonly NodeAnswer[], linesMax: number): Promise<ReplicaOutput> {
  const { host } = session.member;
  const nodeId = formatId('node', placement.node);
  const answer = nodes.find(({ node }) => formatId('node', node.id) === nodeId);
  const target = { addresses: answer?.node.addresses ?? [], id: placement.node, expect: 'bundle' } as const;
  const node = answer?.name ?? shortId(nodeId);
  try {
    const { lines } = await host.connect(workloadContract, target).logs({ placement: placement.id, linesMax }, { signal: session.signal });
    return { placement, node, lines };
  } catch (failure) {
    session.signal.throwIfAborted();
    // The same for every replica of the app.
    if (hasCode(failure, 'hypermesh.not_authorised')) throw failure;
    return { placement, node, lines: [], failure };
  }
}

function outputValue({ placement, lines, failure }: ReplicaOutput): object {
  const error = failure === undefined ? null : ((failure as { readonly code?: string }).code ?? 'internal');
  return { replica: placement.id, node: formatId('node', placement.node), lines, error };
}

function outputText(out: Output, outputs: readonly ReplicaOutput[]): string {
  if (outputs.length === 0) return 'No replica runs, and what replicas print goes with them. See why with: hypermesh app explain NAME';
  const width = Math.max(...outputs.map(({ placement }) => placement.id.length));
  const text = outputs.flatMap(({ placement, lines }) =>
    lines.map((line) => `${out.style('dim', `${oneLine(placement.id).padEnd(width)} |`)} ${oneLine(line)}`),
  );
  return text.length === 0 ? 'Nothing printed yet.' : text.join('\n');
}

/** No line of one replica can look like that of another. */
function oneLine(text: string): string {
  return plainText(text).replaceAll('\n', ' ');
}
