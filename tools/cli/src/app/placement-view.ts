import { formatId } from '@hypermesh/stoq';
import type { Placement } from '@hypermesh/mesh/machine';
import type { Output } from '../output.ts';
import { formatTime, shortId } from '../text.ts';

export function placementValue(placement: Placement): object {
  const { id, app, generation, node, provider, lease, phase, failures, reason, cpuMillis, memoryBytes, openedAt, changedAt } = placement;
  return {
    id,
    app,
    generation,
    node: formatId('node', node),
    provider: formatId('node', provider),
    lease,
    phase,
    failures,
    reason,
    cpuMillis,
    memoryBytes,
    openedAt,
    changedAt,
  };
}

/** `names`: of nodes by text id. */
export function placementTable(out: Output, placements: readonly Placement[], names: ReadonlyMap<string, string>): string {
  if (placements.length === 0) return 'No replicas.';
  return out.table(
    ['REPLICA', 'NODE', 'PHASE', 'GENERATION', 'FAILURES', 'SINCE', 'REASON'],
    placements.map(({ id, node, phase, generation, failures, changedAt, reason }) => {
      const nodeId = formatId('node', node);
      return [id, names.get(nodeId) ?? shortId(nodeId), phase, String(generation), String(failures), formatTime(changedAt), reason];
    }),
  );
}
