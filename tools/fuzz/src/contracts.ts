import * as caesar from '@hypermesh/caesar';
import * as catalog from '@hypermesh/catalog';
import type { DaemonKind } from '@hypermesh/devnet';
import * as mesh from '@hypermesh/mesh';
import * as stoq from '@hypermesh/stoq';
import type { Contract, MethodSpec } from '@hypermesh/stoq';
import * as trustchain from '@hypermesh/trustchain';

export interface Target {
  /** `<contract>/<version>.<method>`, as on the wire. */
  readonly method: string;
  readonly spec: MethodSpec;
}

/** Which daemons serve a contract; every daemon that holds a session is asked for every contract, and refuses the others. */
export const SERVED_BY: Readonly<Record<string, readonly DaemonKind[]>> = {
  trustchain: ['trustchaind'],
  consensus: ['hypermeshd'],
  witness: ['hypermeshd'],
  'issuance-policy': ['hypermeshd'],
  proof: ['hypermeshd'],
  mesh: ['hypermeshd'],
  workload: ['hypermeshd'],
  catalog: ['catalogd'],
  caesar: ['caesard'],
  blob: ['hypermeshd', 'catalogd', 'stoqd'],
  circuit: [],
};

export function isServed(method: string, kind: DaemonKind): boolean {
  return (SERVED_BY[contractOf(method)] ?? []).includes(kind);
}

export function contractOf(method: string): string {
  return method.slice(0, method.indexOf('/'));
}

/** All contracts that the packages export, found among their exports so that a new one is fuzzed without being named here. */
export function allContracts(): readonly Contract[] {
  const found = [stoq, trustchain, mesh, catalog, caesar].flatMap((module) => Object.values(module).filter(isContract));
  return [...new Map(found.map((contract) => [`${contract.name}/${contract.version}`, contract])).values()];
}

export function targetsOf(contract: Contract): readonly Target[] {
  return Object.entries(contract.methods).map(([name, spec]) => ({
    method: `${contract.name}/${contract.version}.${name}`,
    spec: spec as MethodSpec,
  }));
}

function isContract(value: unknown): value is Contract {
  return typeof value === 'object' && value !== null && 'name' in value && 'version' in value && 'methods' in value;
}
