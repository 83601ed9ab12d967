import { type ESTree, parseSync, Visitor } from 'vite';

export interface Reference {
  readonly specifier: string;
  readonly line: number;
  /** The whole import is of types, so that it is gone at run time. */
  readonly isTypeOnly: boolean;
}

/** A TypeScript file as the rules see it. */
export interface SourceModule {
  readonly program: ESTree.Program;
  /** Every module that the file imports or re-exports, statically, dynamically or as a type. */
  readonly references: readonly Reference[];
  /** Every string literal. */
  readonly literals: ReadonlySet<string>;
  readonly comments: readonly { readonly text: string; readonly line: number }[];
  readonly lineOf: (offset: number) => number;
}

/** Source files whose modules the rules read: of packages and tools, not of guests. */
export function isSourceFile(path: string): boolean {
  return /^(packages|tools)\/[^/]+\/(src|test)\/.*\.ts$/.test(path) && !path.endsWith('.d.ts');
}

export function parseSourceModule(path: string, text: string): SourceModule {
  const { program, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0]?.message}`);
  const lineOf = createLineIndex(text);
  const references: Reference[] = [];
  const literals = new Set<string>();
  const refer = (source: ESTree.Expression | null, isTypeOnly: boolean): void => {
    if (source?.type === 'Literal' && typeof source.value === 'string') {
      references.push({ specifier: source.value, line: lineOf(source.start), isTypeOnly });
    }
  };
  new Visitor({
    ImportDeclaration: (node) => refer(node.source, node.importKind === 'type'),
    ExportNamedDeclaration: (node) => refer(node.source, node.exportKind === 'type'),
    ExportAllDeclaration: (node) => refer(node.source, node.exportKind === 'type'),
    ImportExpression: (node) => refer(node.source, false),
    TSImportType: (node) => refer(node.source, true),
    Literal: (node) => {
      if (typeof node.value === 'string') literals.add(node.value);
    },
  }).visit(program);
  return {
    program,
    references,
    literals,
    comments: comments.map((comment) => ({ text: comment.value, line: lineOf(comment.start) })),
    lineOf,
  };
}

function createLineIndex(text: string): (offset: number) => number {
  const starts = [0];
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) starts.push(index + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? Infinity) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
