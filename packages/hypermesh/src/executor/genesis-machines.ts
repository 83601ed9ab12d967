import type { Genesis } from '@hypermesh/trustchain';
import { hypermeshError } from '../errors.ts';
import type { Machine } from '../machine/machine.ts';

/** The machines in the order of genesis. Throws `hypermesh.machine_unknown` or `hypermesh.machine_version`. */
export function machinesOfGenesis(genesis: Genesis, machines: readonly Machine[]): readonly Machine[] {
  const ordered = genesis.machines.map(({ name, version }) => {
    const machine = machines.find((candidate) => candidate.name === name);
    if (machine === undefined) throw hypermeshError('hypermesh.machine_unknown', { machine: name });
    if (machine.version !== version) throw hypermeshError('hypermesh.machine_version', { machine: name, version, here: machine.version });
    return machine;
  });
  const extra = machines.find((machine) => !ordered.includes(machine));
  if (extra !== undefined) throw hypermeshError('hypermesh.machine_unknown', { machine: extra.name });
  return ordered;
}
