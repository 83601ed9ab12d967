import { Command, type ErrorOptions } from 'commander';
import { didYouMean, nearest } from './spelling.ts';

/** A command that says what is wrong with a command line in words of this program. */
export class ProgramCommand extends Command {
  override createCommand(name?: string): ProgramCommand {
    return new ProgramCommand(name);
  }

  override error(message: string, options?: ErrorOptions): never {
    if (options?.code === 'commander.unknownCommand') super.error(unknownCommand(this), options);
    super.error(options?.code === 'commander.invalidArgument' ? invalidArgument(message) : message, options);
  }
}

/** Names the command that may be meant, wherever it is in the tree, otherwise those that the group has. */
function unknownCommand(group: Command): string {
  const word = group.args[0] ?? '';
  const meant = nearest(word, commandsBelow(group), (command) => command.name());
  const direct = meant.filter(({ parent }) => parent === group);
  const paths = (direct.length > 0 ? direct : meant).map(pathOf);
  const names = commandsOf(group).map((command) => command.name());
  const advice = didYouMean(paths) || `Commands of ${pathOf(group)}: ${names.join(', ')}`;
  return `error: unknown command '${word}'\n(${advice})`;
}

function commandsOf(group: Command): readonly Command[] {
  return group
    .createHelp()
    .visibleCommands(group)
    .filter((command) => command.name() !== 'help');
}

function commandsBelow(group: Command): readonly Command[] {
  return commandsOf(group).flatMap((command) => [command, ...commandsBelow(command)]);
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

// What the library makes of a parser's refusal, which is the end of a sentence about the value, and of its own for a list of choices.
const INVALID_ARGUMENT = /^error: command-argument value '(?<value>.*)' is invalid for argument '(?<name>[^']*)'\. (?<reason>.*)$/su;
const INVALID_OPTION = /^error: option '(?<name>[^']*)' argument '(?<value>.*)' is invalid\. (?<reason>.*)$/su;
const CHOICES = /^Allowed choices are (.*)\.$/u;

function invalidArgument(message: string): string {
  const groups = (INVALID_ARGUMENT.exec(message) ?? INVALID_OPTION.exec(message))?.groups;
  if (groups === undefined) return message;
  return `error: ${groups['name']}: '${groups['value']}' ${groups['reason']?.replace(CHOICES, 'is none of $1')}`;
}
