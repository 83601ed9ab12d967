import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Role } from '@hypermesh/stoq';
import { parseJoinToken, tokenHashOf } from '@hypermesh/trustchain';
import type { CommandContext } from '../command.ts';
import { formatTime } from '../text.ts';

export interface InviteOptions {
  readonly role?: readonly Role[];
  readonly name?: string;
  readonly dns: readonly string[];
  readonly owned?: boolean;
  readonly hours: number;
  readonly output?: string;
}

const HOUR_MS = 3_600_000;

/** TrustChain makes the token; the ordered invitation lets validators approve its certificate and admit the member. */
export async function invite(context: CommandContext, options: InviteOptions): Promise<void> {
  const session = await context.session();
  const { member, signal } = session;
  const roles = options.role ?? ['owner'];
  const request = { roles, names: options.dns, lifetimeMs: options.hours * HOUR_MS };
  const { token, expiresAt } = await member.client['admin.invite'](request, { signal });
  const { meshId, secret } = parseJoinToken(token);
  const name = options.name ?? null;
  const { height } = await session.order({
    kind: 'invite',
    token: tokenHashOf(meshId, secret),
    roles,
    name,
    owned: options.owned ?? false,
    expiresAt,
  });
  const told = { roles, name, dns: options.dns, owned: options.owned ?? false, expiresAt, height };
  if (options.output === undefined) return context.out.result({ token, ...told }, () => token);
  const file = resolve(context.cwd, options.output);
  await writeFile(file, `${token}\n`, { mode: 0o600, flag: 'wx' });
  context.out.result({ file, ...told }, () => `Wrote the join token to ${file}; it may be used once, until ${formatTime(expiresAt)}.`);
}
