import { resolve } from 'node:path';
import type { Role } from '@hypermesh/stoq';
import { parseJoinToken, tokenHashOf } from '@hypermesh/trustchain';
import type { CommandContext } from '../command.ts';
import { intoNewFile } from '../reserved.ts';
import { formatTime } from '../text.ts';

export interface InviteOptions {
  readonly role?: readonly Role[];
  readonly name?: string;
  readonly dns: readonly string[];
  readonly owned?: boolean;
  readonly hours: number;
  readonly output?: string;
}

interface Invitation {
  readonly roles: readonly Role[];
  readonly name: string | null;
  readonly dns: readonly string[];
  readonly owned: boolean;
  readonly expiresAt: number;
  readonly height: number;
}

const HOUR_MS = 3_600_000;

export async function invite(context: CommandContext, options: InviteOptions): Promise<void> {
  if (options.output === undefined) {
    const { token, invitation } = await orderInvitation(context, options);
    return context.out.result({ token, ...invitation }, () => token);
  }
  const file = resolve(context.cwd, options.output);
  const told = await intoNewFile(file, async () => {
    const { token, invitation } = await orderInvitation(context, options);
    return { text: `${token}\n`, value: invitation };
  });
  context.out.result({ file, ...told }, () => `Wrote the join token to ${file}; it may be used once, until ${formatTime(told.expiresAt)}.`);
}

/** TrustChain makes the token; the ordered invitation lets validators approve its certificate and admit the member. */
async function orderInvitation(
  context: CommandContext,
  options: InviteOptions,
): Promise<{ readonly token: string; readonly invitation: Invitation }> {
  const session = await context.session();
  const { member, signal } = session;
  const { dns, role: roles = ['owner'], name = null, owned = false } = options;
  const { token, expiresAt } = await member.client['admin.invite']({ roles, names: dns, lifetimeMs: options.hours * HOUR_MS }, { signal });
  const { meshId, secret } = parseJoinToken(token);
  const { height } = await session.order({ kind: 'invite', token: tokenHashOf(meshId, secret), roles, name, owned, expiresAt });
  return { token, invitation: { roles, name, dns, owned, expiresAt, height } };
}
