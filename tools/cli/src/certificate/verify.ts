import { resolve } from 'node:path';
import { formatId } from '@hypermesh/stoq';
import { BUNDLE_BYTES_MAX, verifyBundle } from '@hypermesh/trustchain';
import { readBounded } from '../bounded-file.ts';
import type { CommandContext } from '../command.ts';
import { formatTime } from '../text.ts';

/** Judges a bundle as every member does when it is shown one. Throws what `verifyBundle` throws. */
export async function verifyFile(context: CommandContext, file: string): Promise<void> {
  const bundle = await readBounded(resolve(context.cwd, file), { bytesMax: BUNDLE_BYTES_MAX, signal: context.signal });
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
