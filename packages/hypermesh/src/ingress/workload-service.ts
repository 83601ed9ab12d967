import type { Handlers } from '@hypermesh/stoq';
import type { Agent } from '../agent/agent.ts';
import { hypermeshError } from '../errors.ts';
import type { StateReader } from '../machine/machine.ts';
import { placementOf } from '../mesh-machine/placement.ts';
import type { Dispatcher } from './dispatcher.ts';
import { LOG_BYTES_MAX, type WorkloadMethods } from './workload-contract.ts';

export interface WorkloadServiceComponents {
  readonly agent: Pick<Agent, 'workload' | 'logs'>;
  readonly dispatcher: Pick<Dispatcher, 'answered'>;
  /** Agreed state of the mesh machine. */
  readonly state: () => StateReader;
  /** Signs, as this ingress, that the placement has answered so many requests; the ledger's format. */
  readonly countersign: (placement: string, requests: number) => Promise<Uint8Array>;
}

/** What a node serves to ingresses and owners of apps and, as an ingress, to providers. */
export function createWorkloadService(components: WorkloadServiceComponents): Handlers<WorkloadMethods> {
  const { agent, dispatcher, state, countersign } = components;
  return {
    request: async ({ placement, lease, ...request }, { signal }) => agent.workload(placement, lease).handle(request, { signal }),
    async countersign({ placement }, { peer }) {
      const known = placementOf(state(), placement);
      if (Buffer.compare(known.node, peer.id) !== 0) throw hypermeshError('hypermesh.not_authorised', { reason: 'runs on another node' });
      const requests = dispatcher.answered(placement);
      return { requests, counted: await countersign(placement, requests) };
    },
    async logs({ placement, linesMax }, { peer }) {
      const { appOwner } = placementOf(state(), placement);
      if (Buffer.compare(appOwner, peer.id) !== 0)
        throw hypermeshError('hypermesh.not_authorised', { reason: 'somebody else owns the app' });
      return { lines: newestWithin(agent.logs(placement, linesMax), LOG_BYTES_MAX) };
    },
  };
}

function newestWithin(lines: readonly string[], bytesMax: number): readonly string[] {
  let bytes = 0;
  const tooOld = lines.findLastIndex((line) => (bytes += Buffer.byteLength(line)) > bytesMax);
  return lines.slice(tooOld + 1);
}
