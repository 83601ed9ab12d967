import type { CommandContext } from '../command.ts';
import { cliError } from '../errors.ts';

export interface LogoutOptions {
  readonly deleteKeys?: boolean;
}

export async function logout(context: CommandContext, { deleteKeys = false }: LogoutOptions): Promise<void> {
  const { contexts, out } = context;
  const entry = await contexts.find(await context.contextName());
  if (!entry.linked && !deleteKeys) throw cliError('cli.context_keys', { context: entry.name, home: entry.home });
  await contexts.remove(entry.name);
  const { name, home, linked, there } = entry;
  out.result({ context: name, home, deleted: !linked }, () => {
    if (!linked) return `Deleted context "${name}" with its keys.`;
    return there ? `Forgot context "${name}"; its keys stay in ${home}.` : `Forgot context "${name}"; its home is gone.`;
  });
}

export async function listContexts({ contexts, out }: CommandContext): Promise<void> {
  const entries = await contexts.list();
  out.result(entries, () =>
    entries.length === 0
      ? 'No context yet; make one with "hypermesh login TOKEN" or "hypermesh login --home DIR".'
      : out.table(
          ['', 'NAME', 'HOME'],
          entries.map(({ name, home, current, there }) => [current ? '*' : '', name, there ? home : `${home} (gone)`]),
        ),
  );
}

export async function useContext({ contexts, out }: CommandContext, name: string): Promise<void> {
  await contexts.use(name);
  const { home } = await contexts.find(name);
  out.result({ context: name, home }, () => `The current context is now "${name}".`);
}
