import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createCrypto, formatId, systemClock, systemEntropy } from '@hypermesh/stoq';
import { createMesh, type MeshPlan, type NewMesh, TRUSTCHAIND_NAME, writeMesh } from '@hypermesh/trustchain';
import type { NamedValue } from '../arguments.ts';
import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';
import { planOf } from './plan.ts';

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
export async function initMesh({ out, cwd, signal }: CommandContext, options: InitOptions): Promise<void> {
  const plan = planOf(options);
  const directory = resolve(cwd, options.directory);
  await assertFree(directory);
  out.progress('Making keys and genesis');
  const mesh = await madeOf(plan, signal);
  signal.throwIfAborted();
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

/** Known before keys are made for nothing; `writeMesh` still decides. Throws `cli.usage`. */
async function assertFree(directory: string): Promise<void> {
  const found = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw usageError('--directory is a file, or lies in one', { directory });
    throw error;
  });
  if (found.length > 0) throw usageError('--directory holds a mesh or other files already; nothing is overwritten', { directory });
}

async function madeOf(plan: MeshPlan, signal: AbortSignal): Promise<NewMesh> {
  const crypto = await createCrypto();
  try {
    return await createMesh(plan, { crypto, entropy: systemEntropy, clock: systemClock }, signal);
  } finally {
    await crypto.close();
  }
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
