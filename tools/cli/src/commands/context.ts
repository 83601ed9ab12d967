import type { Command } from 'commander';
import { examples } from '../arguments.ts';
import type { Perform } from '../command.ts';
import type { LoginOptions } from '../context/login.ts';
import type { LogoutOptions } from '../context/manage.ts';

export function declareContext(program: Command, perform: Perform): void {
  program
    .command('login')
    .description('become a member of a mesh, and make it the current context')
    .argument('[token]', 'join token of an invitation; without it, and without the options below, from standard input')
    .option('--token-file <file>', 'read the token from a file, so that no other process sees it')
    .option('--home <directory>', 'use the keys of an existing home, such as "hypermesh up" or "mesh init" makes')
    .option('--name <name>', 'the name to take in the mesh')
    .addHelpText(
      'after',
      examples(
        'hypermesh login join1.AAAA...',
        'hypermesh login --token-file token --context work',
        'hypermesh login --home mesh/nodes/admin',
      ),
    )
    .action(
      perform(async (context, token: string | undefined, options: LoginOptions) => {
        const { login } = await import('../context/login.ts');
        await login(context, token ?? null, options);
      }),
    );
  program
    .command('logout')
    .description('forget a context')
    .option('--delete-keys', 'also when that deletes the only copy of its keys')
    .addHelpText('after', examples('hypermesh logout --context work --delete-keys'))
    .action(
      perform(async (context, options: LogoutOptions) => {
        const { logout } = await import('../context/manage.ts');
        await logout(context, options);
      }),
    );
  const group = program.command('context').description('the memberships of this user');
  group
    .command('ls')
    .description('list contexts')
    .addHelpText('after', examples('hypermesh context ls'))
    .action(
      perform(async (context) => {
        const { listContexts } = await import('../context/manage.ts');
        await listContexts(context);
      }),
    );
  group
    .command('use')
    .description('make a context the current one')
    .argument('<name>', 'name of the context')
    .addHelpText('after', examples('hypermesh context use work'))
    .action(
      perform(async (context, name: string) => {
        const { useContext } = await import('../context/manage.ts');
        await useContext(context, name);
      }),
    );
}
