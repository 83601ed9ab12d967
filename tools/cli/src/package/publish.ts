import { resolve } from 'node:path';
import { encode, formatId } from '@hypermesh/stoq';
import { INDEX_MACHINE, indexOperationCodec, type PublishComponents, publishPackage } from '@hypermesh/catalog';
import { parseReference } from '../app/document.ts';
import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';
import type { Session } from '../session.ts';
import { withBuilt } from './build.ts';

const STEPS = { upload: 'Uploading', log: 'Logging', order: 'Ordering' } as const;

export async function publish(context: CommandContext, source: string): Promise<void> {
  const { out } = context;
  await withBuilt(resolve(context.cwd, source), async (built) => {
    const session = await context.session();
    const { name, version, root, known } = await publishPackage(built, await componentsOf(session), {
      signal: session.signal,
      onProgress: (step, detail) => out.progress(`${STEPS[step]} ${detail}`),
    });
    const id = formatId('pkg', root);
    out.result({ name, version, root: id, known }, () => `${known ? 'Was published already' : 'Published'}: ${name}@${version}  ${id}`);
  });
}

async function componentsOf(session: Session): Promise<PublishComponents> {
  const { member, mesh, account } = session;
  return {
    catalog: await session.catalog(),
    trust: member.client,
    mesh,
    account,
    bundle: () => member.bundle(),
    meshId: member.meshId,
  };
}

export async function yank(context: CommandContext, reference: string, yanked: boolean): Promise<void> {
  const { name, version } = parseReference(reference);
  if (version === '') throw usageError('Write NAME@VERSION: one version is withdrawn at a time', { package: reference });
  const { mesh, account, signal } = await context.session();
  const operation = encode(indexOperationCodec, { kind: 'yank', name, version, yanked });
  const { height } = await mesh.transact(account, INDEX_MACHINE, [operation], { signal });
  context.out.result({ name, version, yanked, height }, () => `${name}@${version} is ${yanked ? 'withdrawn' : 'offered again'}.`);
}
