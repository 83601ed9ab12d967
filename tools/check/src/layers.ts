const STACK = ['@hypermesh/stoq', '@hypermesh/trustchain', '@hypermesh/mesh', '@hypermesh/catalog', '@hypermesh/caesar'] as const;

export const TESTKIT = '@hypermesh/testkit';

/**
 * What each workspace package may import of the others (ARCHITECTURE.md, "Layers"). A package that is not listed is refused,
 * so that a new one takes its place on purpose.
 */
export const LAYERS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['@hypermesh/stoq', []],
  ['@hypermesh/trustchain', STACK.slice(0, 1)],
  ['@hypermesh/mesh', STACK.slice(0, 2)],
  ['@hypermesh/catalog', STACK.slice(0, 3)],
  ['@hypermesh/caesar', STACK.slice(0, 3)],
  [TESTKIT, STACK.slice(0, 3)],
  ['@hypermesh/daemons', STACK],
  ['@hypermesh/devnet', [...STACK, '@hypermesh/daemons']],
  ['@hypermesh/cli', [...STACK, '@hypermesh/devnet']],
  ['@hypermesh/bench', [...STACK, '@hypermesh/devnet']],
  ['@hypermesh/sim', [...STACK, TESTKIT]],
  ['@hypermesh/faults', [...STACK, '@hypermesh/devnet', TESTKIT]],
  ['@hypermesh/fuzz', [...STACK, '@hypermesh/devnet', TESTKIT]],
  ['@hypermesh/check', []],
]);
