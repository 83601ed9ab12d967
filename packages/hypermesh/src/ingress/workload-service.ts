import type { Handlers } from '@hypermesh/stoq';
import type { Agent } from '../agent/agent.ts';
import { hypermeshError } from '../errors.ts';
import type { StateReader } from '../machine/machine.ts';
import { readPlacement } from '../mesh-machine/placement.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { WorkloadMethods } from './workload-contract.ts';

export interface WorkloadServiceComponents {
  readonly agent: Pick<Agent, 'workload'>;
  readonly dispatcher: Pick<Dispatcher, 'answered'>;
  /** Agreed state of the mesh machine. */
  readonly state: () => StateReader;
  /** Signs, as this ingress, that the placement has answered so many requests; the ledger's format. */
  readonly countersign: (placement: string, requests: number) => Promise<Uint8Array>;
}

/** What a node serves to ingresses and, as an ingress, to providers. */
export function createWorkloadService(components: WorkloadServiceComponents): Handlers<WorkloadMethods> {
  const { agent, dispatcher, state, countersign } = components;
  return {
    request: async ({ placement, lease, ...request }, { signal }) => agent.workload(placement, lease).handle(request, { signal }),
    async countersign({ placement }, { peer }) {
      const known = readPlacement(state(), placement);
      if (known === undefined) throw hypermeshError('hypermesh.placement_unknown', { id: placement });
      if (Buffer.compare(known.node, peer.id) !== 0) throw hypermeshError('hypermesh.not_authorised', { reason: 'runs on another node' });
      const requests = dispatcher.answered(placement);
      return { requests, counted: await countersign(placement, requests) };
    },
  };
}
