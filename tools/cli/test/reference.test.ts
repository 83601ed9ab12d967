import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../src/program.ts';

const document = await readFile(new URL('../../../docs/reference/cli.md', import.meta.url), 'utf8');

/** Every command that does something, as a person types it, with what it says of itself and its own options. */
function commandsOf(command: Command, path: string): [usage: string, description: string, options: string][] {
  const inner = command.commands.flatMap((child) => commandsOf(child, `${path} ${child.name()}`.trim()));
  if (inner.length > 0 || path === '') return inner;
  const words = command.registeredArguments.map((argument) => {
    const name = argument.name() + (argument.variadic ? '...' : '');
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  const options = command.options.map(({ flags }) => `\`${flags}\``);
  return [[[path, ...words].join(' '), command.description(), options.join(', ')]];
}

describe('docs/reference/cli.md', () => {
  it('lists every command with its arguments, description and options', () => {
    const program = createProgram(() => async () => undefined, {});
    const rows = [...document.matchAll(/^\| `hypermesh ([^`]+)` +\| (.*?) +\| (.*?) *\|$/gm)].map(([, ...cells]) => cells);
    const expected = commandsOf(program, '');
    const byUsage = (one: readonly unknown[], other: readonly unknown[]): number => String(one[0]).localeCompare(String(other[0]));
    expect(rows.toSorted(byUsage)).toEqual(expected.toSorted(byUsage));
  });
});
