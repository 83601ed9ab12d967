import type { Finding } from '../finding.ts';
import type { Repository } from '../repository.ts';

const RULE = 'reference';

/** Things that sources define in one form and a document lists, each once and no others. */
interface Listing {
  readonly what: string;
  readonly document: string;
  readonly sources: RegExp;
  /** Finds a definition; the first group is its name. */
  readonly defined: RegExp;
  /** Finds a row of the document; the first group is the name. */
  readonly listed: RegExp;
}

const LISTINGS: readonly Listing[] = [
  {
    what: 'error code',
    document: 'docs/reference/errors.md',
    sources: /^(?:packages|tools)\/[^/]+\/src\/errors\.ts$/,
    defined: /^ {2}'([a-z]+\.[a-z_]+)': \{/gm,
    listed: /^\| `([a-z]+\.[a-z_]+)` +\|/gm,
  },
  {
    what: 'metric',
    document: 'docs/operating/monitoring.md',
    sources: /^packages\/[^/]+\/src\/.*\.ts$/,
    defined: /'((?:stoq|trustchain|hypermesh|catalog|caesar)(?:_[a-z]+)+_(?:total|seconds|bytes|count|height))'/g,
    listed: /^\| `([a-z]+(?:_[a-z]+)+)` +\|/gm,
  },
  {
    what: 'label of signed or hashed bytes',
    document: 'docs/design/formats.md',
    sources: /^packages\/[^/]+\/src\/.*\.ts$/,
    defined: /'((?:stoq|hypermesh|catalog|caesar)\/[a-z-]+\/[0-9]+)'/g,
    listed: /^\| `([a-z]+\/[a-z-]+\/[0-9]+)` +\|/gm,
  },
];

/** The reference lists name what the sources define, in both directions. A repository without the document has no list. */
export function checkReference(repository: Repository): Finding[] {
  return LISTINGS.filter(({ document }) => repository.has(document)).flatMap((listing) => checkListing(repository, listing));
}

function checkListing(repository: Repository, { what, document, sources, defined, listed }: Listing): Finding[] {
  const definitions = new Map<string, { readonly file: string; readonly line: number }>();
  for (const file of repository.paths.filter((path) => sources.test(path))) {
    for (const { name, line } of matchesOf(repository.text(file), defined)) definitions.set(name, { file, line });
  }
  const rows = matchesOf(repository.text(document), listed);
  const names = new Set(rows.map(({ name }) => name));
  return [
    ...[...definitions]
      .filter(([name]) => !names.has(name))
      .map(([name, place]) => ({ ...place, rule: RULE, message: `the ${what} ${name} is not listed`, remedy: `add a row to ${document}` })),
    ...rows
      .filter(({ name }, index) => !definitions.has(name) || rows.findIndex((row) => row.name === name) !== index)
      .map(({ name, line }) => ({
        file: document,
        line,
        rule: RULE,
        message: `there is no ${what} ${name}, or it is listed twice`,
        remedy: 'remove the row',
      })),
  ];
}

function matchesOf(text: string, pattern: RegExp): { readonly name: string; readonly line: number }[] {
  return [...text.matchAll(pattern)].map((match) => ({
    name: match[1] as string,
    line: text.slice(0, match.index).split('\n').length,
  }));
}
