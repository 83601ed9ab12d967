import type { Finding } from '../finding.ts';
import type { Repository } from '../repository.ts';

const PACKAGE_FILES = /\.(?:ts|md|as)$|^[^/]+\/(?:package|tsconfig)\.json$|\/vectors\/[^/]+\.json$/;

/** The files that may lie in the root itself; a new one takes its place on purpose. */
const ROOT_FILES: ReadonlySet<string> = new Set([
  '.gitignore',
  '.oxfmtrc.json',
  '.oxlintrc.json',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'SECURITY.md',
  'knip.json',
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'tsconfig.base.json',
  'tsconfig.check.json',
  'tsconfig.json',
  'vitest.workspace.ts',
]);

/** By folder of the root: which paths below it are of a kind that the repository knows. JSON is known by name, as tools write it too. */
const FOLDER_FILES: ReadonlyMap<string, RegExp> = new Map([
  ['.ci', /^run$/],
  ['docs', /\.(?:md|jsonl)$/],
  ['examples', /\.(?:ts|yaml|html|sh)$|^hello-container\/www\/node$/],
  ['packages', PACKAGE_FILES],
  ['toolchain', /^package(?:-lock)?\.json$/],
  ['tools', new RegExp(`${PACKAGE_FILES.source}|^bootstrap\\.mjs$`)],
]);

/** Logs, profiles and dumps that programs leave behind are committed by one careless command: what is of no known kind is refused. */
export function checkUnknownFiles(repository: Repository): Finding[] {
  return [...repository.paths, ...repository.binaries]
    .filter((path) => !isKnown(path))
    .map((file) => ({
      file,
      line: 1,
      rule: 'unknown-files',
      message: 'the repository knows no such kind of file in this place',
      remedy: 'remove it, or let git ignore it; if it belongs here, add its kind to tools/check/src/rules/unknown-files.ts',
    }));
}

function isKnown(path: string): boolean {
  const slash = path.indexOf('/');
  if (slash === -1) return ROOT_FILES.has(path);
  return FOLDER_FILES.get(path.slice(0, slash))?.test(path.slice(slash + 1)) === true;
}
