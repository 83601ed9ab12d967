import { type Command, InvalidArgumentError, Option } from 'commander';
import { collected, examples, wholeNumber } from '../arguments.ts';
import type { Perform } from '../command.ts';
import type { InviteOptions } from '../node/invite.ts';

const ROLES = ['node', 'owner', 'operator', 'service', 'viewer'] as const;
const none: readonly string[] = [];
// A month: what trustchaind and the mesh accept.
const INVITATION_HOURS_MAX = 720;

export function declareNode(program: Command, perform: Perform): void {
  const group = program.command('node').description('the machines of the mesh');
  group
    .command('ls')
    .description('list nodes, what they offer and whether they take work')
    .addHelpText('after', examples('hypermesh node ls'))
    .action(
      perform(async (context) => {
        const { listNodes } = await import('../node/show.ts');
        await listNodes(context);
      }),
    );
  group
    .command('show')
    .description('show one node with its placements')
    .argument('<node>', 'name or node id')
    .addHelpText('after', examples('hypermesh node show node-1'))
    .action(
      perform(async (context, node: string) => {
        const { showNode } = await import('../node/show.ts');
        await showNode(context, node);
      }),
    );
  declareCordons(group, perform);
  group
    .command('invite')
    .description('make a join token for a machine or a person')
    .addOption(
      new Option('--role <role>', 'what the newcomer may be; may be given again (default: owner)').choices(ROLES).argParser(roleOf),
    )
    .option('--name <name>', 'the name that the newcomer takes in the mesh')
    .option('--dns <name>', 'a DNS name that its certificate may carry; may be given again', collected, none)
    .option('--owned', 'what the new node earns belongs to you')
    .option('--hours <hours>', 'how long the token may be used', wholeNumber(1, INVITATION_HOURS_MAX), 24)
    .option('--output <file>', 'write the token to a new file of mode 0600 and do not print it')
    .addHelpText(
      'after',
      examples('hypermesh node invite --name alice --output alice.token', 'hypermesh node invite --role service --name edge-1 --owned'),
    )
    .action(
      perform(async (context, options: InviteOptions) => {
        const { invite } = await import('../node/invite.ts');
        await invite(context, options);
      }),
    );
}

function roleOf(text: string, before: readonly string[] | undefined): readonly string[] {
  if (!ROLES.some((role) => role === text)) throw new InvalidArgumentError(`Allowed choices are ${ROLES.join(', ')}.`);
  return [...(before ?? []), text];
}

function declareCordons(group: Command, perform: Perform): void {
  const verbs = [
    { verb: 'cordon', description: 'give the node no new work', change: { cordoned: true, drain: false } },
    { verb: 'uncordon', description: 'give the node work again', change: { cordoned: false, drain: false } },
    { verb: 'drain', description: 'cordon the node and move its work elsewhere', change: { cordoned: true, drain: true } },
  ];
  for (const { verb, description, change } of verbs) {
    group
      .command(verb)
      .description(description)
      .argument('<node>', 'name or node id')
      .addHelpText('after', examples(`hypermesh node ${verb} node-1`))
      .action(
        perform(async (context, node: string) => {
          const { cordonNode } = await import('../node/cordon.ts');
          await cordonNode(context, node, change);
        }),
      );
  }
}
