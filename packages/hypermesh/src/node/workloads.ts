import { join } from 'node:path';
import { CodedError } from '@hypermesh/stoq';
import { type Agent, createAgent } from '../agent/agent.ts';
import { bootClock } from '../agent/boot-clock.ts';
import type { DesiredState } from '../agent/desired.ts';
import { createLeaseKeeper, type LeaseKeeper } from '../agent/lease-keeper.ts';
import { createDesiredState } from '../agent/mesh-desired-state.ts';
import { createReportQueue, type ReportQueue } from '../agent/report-queue.ts';
import { Dispatcher } from '../ingress/dispatcher.ts';
import { createIngress, type Ingress } from '../ingress/ingress.ts';
import { createReplicaCall } from '../ingress/replica-call.ts';
import { workloadContract } from '../ingress/workload-contract.ts';
import { endpointsOf } from '../mesh-machine/endpoint.ts';
import type { LogAccess } from './log-access.ts';
import type { NodeParts } from './node-components.ts';

/** What runs the workloads of this node and brings requests to those of all nodes. */
export interface Workloads {
  readonly lease: LeaseKeeper;
  readonly reports: ReportQueue;
  readonly agent: Agent;
  readonly dispatcher: Dispatcher;
  readonly ingress: Ingress | undefined;
}

export function createWorkloads(parts: NodeParts, log: LogAccess): Workloads {
  const { config, components, self } = parts;
  const { clock, drivers, packages, logger } = components;
  const { source, submit } = log;
  const lease = createLeaseKeeper({
    node: self.nodeId,
    source,
    submit,
    clock,
    bootClock,
    onFailure: (error) => logger.warn({ err: error }, 'the lease was not renewed'),
  });
  const reports = createReportQueue({
    submit,
    clock,
    onRefused: ({ id, state }, error) => logger.warn({ err: error, placement: id, state }, 'the mesh refused a report'),
  });
  const agent = createAgent({
    desired: withOwnNames(createDesiredState({ node: self.nodeId, source, lease: () => lease.lease() }), config.name),
    packages,
    drivers,
    clock,
    bootClock,
    report(report) {
      logger.debug({ placement: report.id, state: report.state, reason: report.reason }, 'placement');
      reports.add(report);
    },
    onFailure(id, error) {
      // What strangers' programs fail of is for their owners, who read it in their logs.
      const isOfProgram = error instanceof CodedError && error.code.startsWith('hypermesh.workload_');
      logger[isOfProgram ? 'debug' : 'warn']({ err: error, placement: id }, 'a run failed');
    },
    stateDirectory: join(config.directory, 'workloads'),
  });
  return { lease, reports, agent, ...createDoor(parts, log, agent) };
}

function createDoor(
  { config, components, self }: NodeParts,
  { state }: LogAccess,
  agent: Agent,
): Pick<Workloads, 'dispatcher' | 'ingress'> {
  const { clock, entropy, host } = components;
  const dispatcher = new Dispatcher({
    endpoints: (service) => endpointsOf(state(), service),
    call: createReplicaCall({
      self: self.nodeId,
      agent,
      connect: ({ addresses, node }) => host.connect(workloadContract, { addresses, id: node, expect: 'bundle' }),
    }),
    clock,
    random: () => Buffer.from(entropy.bytes(4)).readUInt32BE() / 2 ** 32,
  });
  if (config.ingress === null) return { dispatcher, ingress: undefined };
  return { dispatcher, ingress: createIngress(config.ingress, (service, request, signal) => dispatcher.handle(service, request, signal)) };
}

/** Every workload can say which replica it is, and on which node. */
function withOwnNames(desired: DesiredState, name: string): DesiredState {
  return {
    ...desired,
    placements: () =>
      desired.placements().map((placement) => ({
        ...placement,
        env: { ...placement.env, HYPERMESH_NODE: name, HYPERMESH_REPLICA: placement.id },
      })),
  };
}
