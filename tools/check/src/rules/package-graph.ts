import type { Finding } from '../finding.ts';
import { LAYERS, TESTKIT } from '../layers.ts';
import type { Repository } from '../repository.ts';
import { isSourceFile } from '../source-module.ts';
import { resolveRelative, workspacePackages, type WorkspacePackage } from '../workspace.ts';

const RULE = 'package-graph';

/** Imports between packages only point down, in sources and in manifests. */
export function checkPackageGraph(repository: Repository): Finding[] {
  return workspacePackages(repository).flatMap((workspacePackage) => {
    const manifestFile = `${workspacePackage.directory}/package.json`;
    const allowed = LAYERS.get(workspacePackage.name);
    if (allowed === undefined) {
      const message = `${workspacePackage.name} has no place in the layers`;
      return [{ file: manifestFile, line: 1, rule: RULE, message, remedy: 'give it one in tools/check/src/layers.ts and ARCHITECTURE.md' }];
    }
    return [
      ...checkManifest(repository, workspacePackage, manifestFile, allowed),
      ...repository.paths
        .filter((path) => path.startsWith(`${workspacePackage.directory}/`) && isSourceFile(path))
        .flatMap((path) => checkImports(repository, workspacePackage, path, allowed)),
    ];
  });
}

function checkManifest(repository: Repository, { manifest }: WorkspacePackage, file: string, allowed: readonly string[]): Finding[] {
  const lines = repository.text(file).split('\n');
  const declared = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
  const refuse = (dependency: string): Finding => ({
    file,
    line: Math.max(1, lines.findIndex((line) => line.includes(`"${dependency}"`)) + 1),
    rule: RULE,
    message: `${manifest.name} may not depend on ${dependency}`,
    remedy: 'depend only on packages below; let the lower one define a contract that the higher one serves',
  });
  return [
    ...Object.keys(declared).filter((name) => isForbidden(name, allowed)),
    ...Object.keys(manifest.devDependencies ?? {}).filter((name) => isForbidden(name, [...allowed, TESTKIT])),
  ].map(refuse);
}

function checkImports(repository: Repository, { directory, name }: WorkspacePackage, file: string, allowed: readonly string[]): Finding[] {
  const isTest = file.startsWith(`${directory}/test/`);
  const importable = isTest ? [...allowed, TESTKIT, name] : allowed;
  return repository.sourceModule(file).references.flatMap(({ specifier, line }) => {
    const target = resolveRelative(file, specifier);
    if (target !== undefined && !target.startsWith(`${directory}/`)) {
      const message = `the import of ${specifier} leaves the package`;
      return [{ file, line, rule: RULE, message, remedy: 'import the other package by its name, through its exports' }];
    }
    const imported = packageOf(specifier);
    if (!isForbidden(imported, importable)) return [];
    const message = imported === name ? `${name} imports itself by name` : `${name} may not import ${imported}`;
    const remedy = imported === name ? 'import the file by its relative path' : 'imports only point down: see ARCHITECTURE.md, "Layers"';
    return [{ file, line, rule: RULE, message, remedy }];
  });
}

function isForbidden(name: string, allowed: readonly string[]): boolean {
  return name.startsWith('@hypermesh/') && !allowed.includes(name);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
