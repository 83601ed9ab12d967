import type { Command } from 'commander';
import type { Perform } from '../command.ts';

/** Commands of the design that this version does not have: they say so instead of being unknown. */
const ABSENT: readonly { readonly path: readonly [group: string, verb: string]; readonly purpose: string }[] = [
  { path: ['app', 'exec'], purpose: 'run a command in a replica' },
  { path: ['app', 'rollback'], purpose: 'return to an earlier generation' },
  { path: ['asset', 'share'], purpose: 'set who may use an asset' },
  { path: ['node', 'join'], purpose: 'set a machine up from its token' },
  { path: ['validator', 'add'], purpose: 'take a validator into the set' },
  { path: ['validator', 'rm'], purpose: 'take a validator out of the set' },
  { path: ['validator', 'recover'], purpose: 'begin a new incarnation of the mesh' },
  { path: ['proxy', 'open'], purpose: 'export an asset behind an address' },
  { path: ['proxy', 'ls'], purpose: 'list exported assets' },
  { path: ['proxy', 'close'], purpose: 'end an export' },
  { path: ['log', 'evidence'], purpose: 'show proofs of misbehaviour' },
  { path: ['chain', 'verify'], purpose: 'verify the history of a node' },
];

/** Help and completion leave them out; a group that has nothing else shows them to whoever asks for it. */
export function declareUnsupported(program: Command, perform: Perform): void {
  const supported = new Set(program.commands);
  for (const { path, purpose } of ABSENT) {
    const [name, verb] = path;
    const group =
      program.commands.find((command) => command.name() === name) ??
      program.command(name, { hidden: true }).description('not in this version');
    group
      .command(verb, { hidden: supported.has(group) })
      .description(`${purpose} (not in this version)`)
      .argument('[arguments...]')
      .allowUnknownOption()
      .action(
        perform(async () => {
          const { cliError } = await import('../errors.ts');
          throw cliError('cli.unsupported', { command: path.join(' ') });
        }),
      );
  }
}
