import type { StateReader } from '../machine/machine.ts';
import { type AppSpec, specOf } from '../mesh-machine/app.ts';
import { heldLease } from '../mesh-machine/lease.ts';
import { type Placement, placementsOfNode } from '../mesh-machine/placement.ts';
import type { DesiredPlacement, DesiredState, LeaseDeadline } from './desired.ts';
import type { MeshSource } from './mesh-source.ts';

export interface DesiredStateComponents {
  /** Node id, 32 bytes. */
  readonly node: Uint8Array;
  readonly source: MeshSource;
  readonly lease: () => LeaseDeadline | null;
}

/** What the agreed state wants this node to run. While the mesh is out of reach, the last known state stands. */
export function createDesiredState({ node, source, lease }: DesiredStateComponents): DesiredState {
  return {
    placements: () => desiredOf(source.state(), node),
    closing: () => placementsOfNode(source.state(), node).filter(({ phase }) => phase === 'closing'),
    lease,
    onChange: (listener) => source.onChange(listener),
  };
}

function desiredOf(state: StateReader, node: Uint8Array): readonly DesiredPlacement[] {
  const held = heldLease(state, node);
  return placementsOfNode(state, node)
    .filter(({ phase, lease }) => phase !== 'closing' && lease === held?.number)
    .flatMap((placement) => {
      const spec = specOf(state, placement.app, placement.generation);
      return spec === undefined ? [] : [placementOf(placement, spec)];
    });
}

function placementOf({ id, lease, app }: Placement, spec: AppSpec): DesiredPlacement {
  return {
    id,
    lease,
    app,
    packageRoot: spec.package.root,
    manifest: spec.package.manifest,
    env: Object.fromEntries(spec.env.map(({ name, value }) => [name, value])),
    args: spec.args,
    limits: {
      memoryBytesMax: spec.resources.memoryBytes,
      pidsMax: spec.limits.pids,
      cpuMillis: spec.resources.cpuMillis,
      fuelPerRequest: spec.limits.fuelPerRequest,
      requestMsMax: spec.limits.requestMs,
    },
    health: spec.health,
    exclusive: spec.exclusive || spec.onPartition === 'stop',
  };
}
