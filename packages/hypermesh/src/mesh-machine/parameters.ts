import { bytes, type Codec, struct, uint } from '@hypermesh/stoq';
import type { Genesis } from '@hypermesh/trustchain';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { table, type Table } from './table.ts';

/** What genesis fixes for the life of the mesh. */
export interface MeshParameters {
  readonly meshId: Uint8Array;
  /** Signatures that make a verdict: `ceil((n + f + 1) / 2)` of the validators of genesis. */
  readonly quorum: number;
  readonly leaseMs: number;
  readonly windowMs: number;
  /** Time between the end of a lease and the restart of an exclusive workload elsewhere. */
  readonly exclusiveMarginMs: number;
  /** Leading zero bits of the puzzle of one operation, and of one challenge window. */
  readonly operationPuzzleBits: number;
  readonly windowPuzzleBits: number;
  /** From this phase on, a join names an invitation. */
  readonly invitationPhase: number;
}

type Tunable = Exclude<keyof MeshParameters, 'meshId' | 'quorum'>;

interface Range {
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

/** Names in genesis with default and range; a name that is absent takes the default. */
export const MESH_PARAMETERS: Readonly<Record<Tunable, Range>> = {
  // Three renewals a lease; a dead node's replicas move after this.
  leaseMs: { value: 10_000, min: 300, max: 600_000 },
  // Several ticks of leases: a verdict costs a transaction a node.
  windowMs: { value: 60_000, min: 500, max: 3_600_000 },
  // Block time is within 2 s of a voter's clock on either side (twice 2 s).
  exclusiveMarginMs: { value: 4_000, min: 0, max: 60_000 },
  // 4096 hashes: about 5 ms for a client, one hash for a validator.
  operationPuzzleBits: { value: 12, min: 0, max: 24 },
  windowPuzzleBits: { value: 12, min: 0, max: 24 },
  // In phases 0 and 1 the certificate alone decides.
  invitationPhase: { value: 2, min: 0, max: 4 },
};

/** Throws `hypermesh.genesis_parameter` for a value out of range. */
export function parametersOf(genesis: Genesis, meshId: Uint8Array): MeshParameters {
  const count = genesis.validators.length;
  const faulty = Math.floor((count - 1) / 3);
  return { meshId, quorum: Math.ceil((count + faulty + 1) / 2), ...tunablesOf(genesis) };
}

function tunablesOf(genesis: Genesis): Record<Tunable, number> {
  const given = new Map(genesis.parameters.map(({ name, value }) => [name, value]));
  const values = Object.entries(MESH_PARAMETERS).map(([name, range]) => {
    const value = given.get(name) ?? range.value;
    if (value < range.min || value > range.max)
      throw hypermeshError('hypermesh.genesis_parameter', { name, min: range.min, max: range.max });
    return [name, value];
  });
  return Object.fromEntries(values) as Record<Tunable, number>;
}

export const parametersCodec: Codec<MeshParameters> = struct({
  meshId: bytes(32),
  quorum: uint(),
  leaseMs: uint(),
  windowMs: uint(),
  exclusiveMarginMs: uint(),
  operationPuzzleBits: uint(),
  windowPuzzleBits: uint(),
  invitationPhase: uint(),
});

const parameters: Table<MeshParameters> = table('parameters', parametersCodec);

export function writeParameters(state: StateWriter, value: MeshParameters): void {
  parameters.write(state, '', value);
}

/** Throws `hypermesh.state_corrupt` before genesis. */
export function readParameters(state: StateReader): MeshParameters {
  const value = parameters.read(state, '');
  if (value === undefined) throw hypermeshError('hypermesh.state_corrupt', { reason: 'no genesis' });
  return value;
}
