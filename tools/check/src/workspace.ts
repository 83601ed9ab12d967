import type { Repository } from './repository.ts';

export interface WorkspacePackage {
  /** Path of its folder from the root. */
  readonly directory: string;
  readonly name: string;
  readonly manifest: Manifest;
}

export interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export function workspacePackages(repository: Repository): WorkspacePackage[] {
  return repository.paths
    .filter((path) => /^(packages|tools)\/[^/]+\/package\.json$/.test(path))
    .map((path) => {
      const manifest = JSON.parse(repository.text(path)) as Manifest;
      return { directory: path.slice(0, -'/package.json'.length), name: manifest.name, manifest };
    });
}

/** The file that a relative specifier names, or undefined when it is not relative. */
export function resolveRelative(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('./') && !specifier.startsWith('../')) return undefined;
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
