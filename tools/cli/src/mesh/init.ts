import { resolve } from 'node:path';
import { SUPPLY_UNITS } from '@hypermesh/caesar';
import { createCrypto, formatId, systemClock, systemEntropy } from '@hypermesh/stoq';
import { createMesh, createMeshPlan, type MeshPlan, type NewMesh, TRUSTCHAIND_NAME, writeMesh } from '@hypermesh/trustchain';
import { MESH_PARAMETERS } from '@hypermesh/mesh/machine';
import { parseCaes } from '../amount.ts';
import type { NamedValue } from '../arguments.ts';
import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';

export interface InitOptions {
  readonly name: string;
  readonly directory: string;
  readonly trustchaind: readonly string[];
  readonly validator: readonly NamedValue[];
  readonly user: string;
  readonly endowment: string;
  readonly parameter: readonly NamedValue[];
}

/** What belongs on one machine, or to one person. */
export interface Handout {
  /** Relative to the directory. */
  readonly folder: string;
  readonly holder: string;
}

/** Makes a mesh on paper and writes it; nothing is sent anywhere. */
export async function initMesh({ out, cwd }: CommandContext, options: InitOptions): Promise<void> {
  const plan = planOf(options);
  const directory = resolve(cwd, options.directory);
  out.progress('Making keys and genesis');
  const crypto = await createCrypto();
  let mesh: NewMesh;
  try {
    mesh = await createMesh(plan, { crypto, entropy: systemEntropy, clock: systemClock });
  } finally {
    await crypto.close();
  }
  const meshId = formatId('mesh', mesh.meshId);
  await writeMesh(directory, mesh.files);
  const handouts = handoutsOf(plan);
  out.result({ name: plan.meshName, meshId, directory, handouts }, () =>
    [
      `Mesh ${plan.meshName}, ${meshId}`,
      '',
      out.table(
        ['FOLDER', 'GOES TO'],
        handouts.map(({ folder, holder }) => [folder, holder]),
      ),
      '',
      `All folders are in ${directory}. Move each to its place; no machine needs more than its own.`,
    ].join('\n'),
  );
}

/** The plan that the options describe. Throws `cli.usage`. */
export function planOf(options: InitOptions): MeshPlan {
  return createMeshPlan({
    meshName: options.name,
    trustchaind: options.trustchaind,
    validators: [...addressesByName(options.validator)].map(([name, addresses]) => ({ name, addresses })),
    supplyUnits: SUPPLY_UNITS,
    user: options.user,
    endowment: parseCaes(options.endowment),
    parameters: options.parameter.map(parameterOf),
  });
}

export function handoutsOf(plan: MeshPlan): readonly Handout[] {
  const daemons: Readonly<Record<string, string>> = { catalogd: 'the machine of catalogd', caesard: 'the machine of caesard' };
  return [
    { folder: `nodes/${TRUSTCHAIND_NAME}`, holder: `the machine of trustchaind at ${plan.trustchaind.join(', ')}` },
    ...plan.validators.map(({ name, addresses }) => ({
      folder: `nodes/${name}`,
      holder: `the machine of validator ${name} at ${addresses.join(', ')}`,
    })),
    ...plan.members.map(({ name, roles }) => ({
      folder: `nodes/${name}`,
      holder: roles.includes('operator') ? `${name}: hypermesh login --home` : (daemons[name] ?? `the machine of ${name}`),
    })),
    ...plan.operators.names.map((name) => ({ folder: `operators/${name}`, holder: `${name}, off every machine of the mesh` })),
    { folder: 'root', holder: 'a safe: keys of the root certificate, needed only for a new intermediate' },
  ];
}

/** One validator may listen on several addresses. */
function addressesByName(validators: readonly NamedValue[]): ReadonlyMap<string, readonly string[]> {
  const byName = new Map<string, readonly string[]>();
  for (const { name, value } of validators) byName.set(name, [...(byName.get(name) ?? []), value]);
  return byName;
}

function parameterOf({ name, value }: NamedValue): { readonly name: string; readonly value: number } {
  const range = Object.hasOwn(MESH_PARAMETERS, name) ? MESH_PARAMETERS[name as keyof typeof MESH_PARAMETERS] : undefined;
  if (range === undefined) throw usageError(`There is no such parameter; known are ${Object.keys(MESH_PARAMETERS).join(', ')}`, { name });
  const { min, max } = range;
  if (!/^\d+$/u.test(value) || Number(value) < min || Number(value) > max) {
    throw usageError(`The parameter must be a whole number from ${min} to ${max}`, { name, value });
  }
  return { name, value: Number(value) };
}
