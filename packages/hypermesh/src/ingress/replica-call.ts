import { type Client, equalBytes } from '@hypermesh/stoq';
import type { Agent } from '../agent/agent.ts';
import type { Endpoint } from '../mesh-machine/endpoint.ts';
import type { ReplicaCall } from './dispatcher.ts';
import type { WorkloadMethods } from './workload-contract.ts';

export interface ReplicaCallComponents {
  /** Node id of this process, 32 bytes. */
  readonly self: Uint8Array;
  readonly agent: Pick<Agent, 'workload'>;
  /** A client of `workload/1` on another node. */
  readonly connect: (endpoint: Endpoint) => Pick<Client<WorkloadMethods>, 'request'>;
}

/** Calls replicas: those of this node directly, others over their nodes' sessions. */
export function createReplicaCall({ self, agent, connect }: ReplicaCallComponents): ReplicaCall {
  return async (endpoint, request, signal) => {
    const { placement, lease, node } = endpoint;
    if (equalBytes(node, self)) return agent.workload(placement, lease).handle(request, { signal });
    return connect(endpoint).request({ ...request, placement, lease }, { signal });
  };
}
