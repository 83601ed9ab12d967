import { formatId, parseId } from '@hypermesh/stoq';
import { queryMesh } from '@hypermesh/mesh/client';
import { RECORDS_PER_ANSWER_MAX } from '@hypermesh/mesh/machine';
import { cliError } from '../errors.ts';
import type { Session } from '../session.ts';

export interface MemberName {
  readonly id: Uint8Array;
  readonly name: string;
}

/** A member by its name in the mesh, or by its node id. Throws `cli.not_found`. */
export async function findMember(session: Session, text: string): Promise<MemberName> {
  if (text.startsWith('node:')) {
    const id = parseId('node', text);
    const member = await queryMesh(session.mesh, 'member', id, { signal: session.signal });
    if (member !== null) return member;
  } else {
    const member = (await allMembers(session)).find(({ name }) => name === text);
    if (member !== undefined) return member;
  }
  throw cliError('cli.not_found', { member: text });
}

export async function allMembers({ mesh, signal }: Session): Promise<readonly MemberName[]> {
  const found: MemberName[] = [];
  for (let after = ''; ;) {
    const page = await queryMesh(mesh, 'members', after, { signal });
    found.push(...page.map(({ id, name }) => ({ id, name })));
    if (page.length < RECORDS_PER_ANSWER_MAX) return found;
    after = page.at(-1)?.name ?? '';
  }
}

/** Names by text id, for people to read. */
export async function namesById(session: Session): Promise<ReadonlyMap<string, string>> {
  return new Map((await allMembers(session)).map(({ id, name }) => [formatId('node', id), name]));
}
