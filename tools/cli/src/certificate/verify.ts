import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatId } from '@hypermesh/stoq';
import { BUNDLE_BYTES_MAX, verifyBundle } from '@hypermesh/trustchain';
import type { CommandContext } from '../command.ts';
import { cliError } from '../errors.ts';
import { formatTime } from '../text.ts';

/** Judges a bundle as every member does when it is shown one. Throws what `verifyBundle` throws. */
export async function verifyFile(context: CommandContext, file: string): Promise<void> {
  const bundle = await readBundle(resolve(context.cwd, file));
  const { member, crypto, clock, signal } = await context.session();
  await member.ready(signal);
  const { trust, revocations } = member;
  const identity = verifyBundle(bundle, { at: clock.now(), trust, revocation: revocations, crypto });
  const { serial, names, roles, notBefore, notAfter, logIndex } = identity;
  const node = formatId('node', identity.nodeId);
  context.out.result({ valid: true, serial, node, names, roles, notBefore, notAfter, logIndex }, () =>
    context.out.fields([
      ['valid', `until ${formatTime(notAfter)}`],
      ['serial', serial],
      ['node', node],
      ['names', names.join(', ')],
      ['roles', roles.join(', ')],
      ['log', `entry ${logIndex}`],
    ]),
  );
}

async function readBundle(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > BUNDLE_BYTES_MAX) throw cliError('cli.file_unusable', { path, bytes: size, bytesMax: BUNDLE_BYTES_MAX });
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}
