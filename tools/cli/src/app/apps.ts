import { queryMesh } from '@hypermesh/mesh/client';
import type { App } from '@hypermesh/mesh/machine';
import type { Session } from '../session.ts';

/** Every app of the mesh, in the order of names. */
export async function allApps({ mesh, signal }: Pick<Session, 'mesh' | 'signal'>): Promise<readonly App[]> {
  const found: App[] = [];
  for (let after = ''; ;) {
    const page = await queryMesh(mesh, 'apps', after, { signal });
    const last = page.at(-1)?.spec.name ?? '';
    // A page that leads nowhere is the end, whoever made it.
    if (last <= after) return found;
    found.push(...page);
    after = last;
  }
}
