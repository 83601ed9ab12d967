import { ownerAccount } from '@hypermesh/caesar/client';
import { findMember } from '../node/members.ts';
import type { Session } from '../session.ts';

/** An account by its own name, which has a slash or is `issuance`, or the account of a member by name or node id. */
export async function accountNamed(session: Session, text: string | null): Promise<string> {
  if (text === null) return ownerAccount(session.account.owner);
  if (text === 'issuance' || text.includes('/')) return text;
  return ownerAccount((await findMember(session, text)).id);
}
