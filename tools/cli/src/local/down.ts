import { join, resolve } from 'node:path';
import { devnetError } from '@hypermesh/devnet';
import type { CommandContext } from '../command.ts';
import { askForEnd, controlSocketOf } from './control-socket.ts';
import { lastMesh } from './last-mesh.ts';

export async function down(context: CommandContext, wanted: string | null): Promise<void> {
  // `up` keeps the mesh of a directory in a folder of that name.
  const directory = wanted === null ? await lastMesh(context) : join(resolve(context.cwd, wanted), 'mesh');
  if (directory === null) throw devnetError('devnet.not_running', { reason: 'none was started by this user' });
  await askForEnd(controlSocketOf(directory), context.signal);
  context.signal.throwIfAborted();
  context.out.result({ directory, ended: true }, () => `The mesh of ${directory} has ended.`);
}
