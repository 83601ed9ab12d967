import { queryMesh } from '@hypermesh/mesh/client';
import type { App } from '@hypermesh/mesh/machine';
import type { Session } from '../session.ts';

/** Every app of the mesh, in the order of names. */
export async function allApps({ mesh, signal }: Pick<Session, 'mesh' | 'signal'>): Promise<readonly App[]> {
  const found: App[] = [];
  for (;;) {
    const page = await queryMesh(mesh, 'apps', found.at(-1)?.spec.name ?? '', { signal });
    if (page.length === 0) return found;
    found.push(...page);
  }
}
