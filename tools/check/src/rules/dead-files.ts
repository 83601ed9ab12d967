import type { Finding } from '../finding.ts';
import type { Repository } from '../repository.ts';
import { isSourceFile } from '../source-module.ts';
import { resolveRelative, workspacePackages, type WorkspacePackage } from '../workspace.ts';

const BOOTSTRAP = 'tools/bootstrap.mjs';

/**
 * Every source file is reached from an entry: what package.json exports or installs, a program that the bootstrap runs, a test,
 * or, for `*.entry.ts`, a reached file that names it (a worker or child process is started by file name).
 */
export function checkDeadFiles(repository: Repository): Finding[] {
  const sources = repository.paths.filter(isSourceFile);
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file) || !repository.has(file) || !isSourceFile(file)) return;
    reached.add(file);
    const { references, literals } = repository.sourceModule(file);
    for (const { specifier } of references) visit(resolveRelative(file, specifier) ?? '');
    for (const started of startedEntries(sources, file, literals)) visit(started);
  };
  for (const workspacePackage of workspacePackages(repository)) entriesOf(repository, workspacePackage).forEach(visit);
  sources.filter((file) => file.endsWith('.test.ts')).forEach(visit);
  return sources
    .filter((file) => !reached.has(file))
    .map((file) => ({
      file,
      line: 1,
      rule: 'dead-files',
      message: 'no entry reaches this file',
      remedy: 'import it, export it from the package, or delete it',
    }));
}

function entriesOf(repository: Repository, { directory, manifest }: WorkspacePackage): string[] {
  const exported = Object.values(manifest.exports ?? {}).flatMap((conditions) => Object.values(conditions));
  const installed = Object.values(manifest.bin ?? {});
  const bootstrap = repository.has(BOOTSTRAP) ? repository.text(BOOTSTRAP) : '';
  const run = [...bootstrap.matchAll(/'(tools\/[^']+\.(?:js|ts))'/g)].map(([, path]) => path as string);
  return [...[...exported, ...installed].map((path) => `${directory}/${path.replace(/^\.\//, '')}`), ...run].map(sourceOfBuilt);
}

function sourceOfBuilt(path: string): string {
  return path.replace(/\/dist\/(.*)\.js$/, '/src/$1.ts');
}

/** Entry files of the same package whose base name appears in a string of the file, with or without the extension. */
function startedEntries(sources: readonly string[], file: string, literals: ReadonlySet<string>): string[] {
  const [group, name] = file.split('/');
  return sources.filter((source) => {
    if (!source.endsWith('.entry.ts') || !source.startsWith(`${group}/${name}/`)) return false;
    const base = source.slice(source.lastIndexOf('/') + 1, -'.ts'.length);
    return [...literals].some(
      (literal) =>
        literal
          .replace(/\.(ts|js)$/, '')
          .split('/')
          .at(-1) === base,
    );
  });
}
