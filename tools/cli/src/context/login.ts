import { addAbortSignal } from 'node:stream';
import { join, resolve } from 'node:path';
import { createCrypto, formatId, systemClock, systemEntropy } from '@hypermesh/stoq';
import { type JoinToken, parseJoinToken, tokenHashOf } from '@hypermesh/trustchain';
import { joinMesh, queryMesh } from '@hypermesh/mesh/client';
import { readBoundedText } from '../bounded-file.ts';
import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';
import type { Session } from '../session.ts';
import { hexOf } from '../text.ts';
import { contextNameOf } from './contexts.ts';
import { prepareHome } from './home.ts';

export interface LoginOptions {
  readonly tokenFile?: string;
  readonly home?: string;
  /** The name to take in the mesh. */
  readonly name?: string;
}

// The longest join token and a line feed.
const TOKEN_BYTES_MAX = 64 * 1024;

/** Enrols with TrustChain, becomes a member by a transaction, and keeps the membership as the current context. */
export async function login(context: CommandContext, token: string | null, options: LoginOptions): Promise<void> {
  const given = [token, options.tokenFile, options.home].filter((way) => way !== undefined && way !== null);
  if (given.length > 1) throw usageError('Give one of a token, --token-file and --home');
  const adopted = options.home === undefined ? null : resolve(context.cwd, options.home);
  // Before a token is spent.
  if (context.contextWanted !== null) await context.contexts.assertFree(context.contextWanted, adopted);
  if (adopted !== null) return adopt(context, adopted, options.name ?? null);

  const line = token ?? (await readToken(context, options.tokenFile));
  const parsed = parseJoinToken(line);
  const hash = tokenHashOf(parsed.meshId, parsed.secret);
  const home = join(context.contexts.directory, 'pending', hexOf(hash).slice(0, 32));
  context.out.progress('Making keys');
  const crypto = await createCrypto();
  try {
    await prepareHome(home, line, { crypto, entropy: systemEntropy, now: () => systemClock.now() });
  } finally {
    await crypto.close();
  }
  const joined = await becomeMember(context, home, { token: { ...parsed, hash }, name: options.name ?? null });
  await keep(context, joined, home, true);
}

async function adopt(context: CommandContext, home: string, name: string | null): Promise<void> {
  await keep(context, await becomeMember(context, home, { token: null, name }), home, false);
}

interface Joined {
  readonly mesh: string;
  readonly meshId: string;
  readonly member: string;
  readonly memberName: string;
}

interface JoinAs {
  readonly token: (JoinToken & { readonly hash: Uint8Array }) | null;
  readonly name: string | null;
}

async function becomeMember(context: CommandContext, home: string, { token, name }: JoinAs): Promise<Joined> {
  const { out, signal } = context;
  out.progress('Enrolling with TrustChain');
  const session = await context.sessionOf(home);
  try {
    const { member, mesh, account } = session;
    out.progress('Joining the mesh');
    const invitation = token === null ? null : await orderedInvitation(session, token.hash);
    await joinMesh(mesh, account, { bundle: member.bundle(), name, token: invitation, addresses: [] }, { signal });
    const joined = await queryMesh(mesh, 'member', account.owner, { signal });
    return {
      mesh: member.genesis.meshName,
      meshId: formatId('mesh', member.meshId),
      member: formatId('node', account.owner),
      memberName: joined?.name ?? '',
    };
  } finally {
    await session.close();
  }
}

/** The hash of the token where validators have ordered its invitation: joining uses it up. */
async function orderedInvitation({ mesh, signal }: Session, hash: Uint8Array): Promise<Uint8Array | null> {
  const { time } = await mesh.status({ signal });
  return (await queryMesh(mesh, 'invitation', { token: hash, time }, { signal })) === null ? null : hash;
}

async function keep(context: CommandContext, joined: Joined, home: string, move: boolean): Promise<void> {
  const { contexts, contextWanted } = context;
  const name = contextWanted ?? (await contexts.freeName(contextNameOf(joined.mesh), move ? null : home));
  const entry = await contexts.add(name, home, { move });
  context.out.result({ context: name, home: entry.home, ...joined }, () =>
    [`Logged in to ${joined.mesh} as ${joined.memberName}.`, `The current context is now "${name}", in ${entry.home}.`].join('\n'),
  );
}

async function readToken({ cwd, out, signal, stdin }: CommandContext, file: string | undefined): Promise<string> {
  if (file !== undefined) return readBoundedText(resolve(cwd, file), { bytesMax: TOKEN_BYTES_MAX, signal });
  if (stdin.isTTY === true) out.progress('Paste the join token:');
  let text = '';
  // Destroyed when the signal aborts, and when the loop ends: an open terminal would hold the process.
  for await (const chunk of addAbortSignal(signal, stdin) as AsyncIterable<Uint8Array | string>) {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    if (text.trimStart().includes('\n') || text.length > TOKEN_BYTES_MAX) break;
  }
  return text;
}
