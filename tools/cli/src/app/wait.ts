import { type AppAnswer, queryMesh } from '@hypermesh/mesh/client';
import type { CommandContext } from '../command.ts';
import { cliError } from '../errors.ts';
import { pause, type Session } from '../session.ts';
import { readyOf } from './show.ts';

const POLL_MS = 300;

/** Waits until as many replicas of the present generation answer as the app wants. Throws `cli.not_ready` with the reason. */
export async function waitUntilReady({ out }: CommandContext, session: Session, name: string): Promise<AppAnswer> {
  const { mesh, signal } = session;
  let told = '';
  let last: AppAnswer | undefined;
  for (;;) {
    try {
      last = await queryMesh(mesh, 'app', name, { signal });
      const state = stateOf(last);
      // Who was told of an unfinished state hears of its end.
      if (state !== told && !(told === '' && isReady(last))) out.progress(state);
      if (isReady(last)) return last;
      told = state;
      await pause(session, POLL_MS);
    } catch (cause) {
      if (!signal.aborted || last === undefined) throw cause;
      throw cliError('cli.not_ready', { app: name, state: stateOf(last) }, { cause });
    }
  }
}

export function isReady({ app, placements }: AppAnswer): boolean {
  return readyOf(app, placements).length + app.ended >= app.spec.replicas && app.state === 'active';
}

/** One line: how far it is, and what holds it up. */
function stateOf({ app, placements }: AppAnswer): string {
  const reasons = placements.filter(({ phase }) => phase === 'failed').map(({ id, reason }) => `${id}: ${reason}`);
  const waits = [app.explanation, ...reasons].filter((reason) => reason !== '');
  const progress = `${readyOf(app, placements).length} of ${app.spec.replicas} replicas ready`;
  return [progress, ...(app.state === 'active' ? [] : [`the app is ${app.state}`]), ...waits].join('; ');
}
