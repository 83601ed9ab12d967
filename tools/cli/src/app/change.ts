import { queryMesh } from '@hypermesh/mesh/client';
import type { CommandContext } from '../command.ts';
import { orderSponsored } from './sponsored.ts';
import { appText, appValue } from './show.ts';
import { waitUntilReady } from './wait.ts';

export async function scaleApp(context: CommandContext, name: string, replicas: number, wait: boolean): Promise<void> {
  const session = await context.session();
  await orderSponsored(session, { kind: 'app.scale', name, replicas, proof: null }, context.out);
  const answer = wait
    ? await waitUntilReady(context, session, name)
    : await queryMesh(session.mesh, 'app', name, { signal: session.signal });
  const text = await appText(context, session, answer);
  context.out.result(appValue(answer), () => text);
}

export async function removeApp(context: CommandContext, name: string): Promise<void> {
  const session = await context.session();
  const { height } = await orderSponsored(session, { kind: 'app.remove', name, proof: null }, context.out);
  context.out.result({ name, removed: true, height }, () => `Removed ${name} at height ${height}.`);
}
