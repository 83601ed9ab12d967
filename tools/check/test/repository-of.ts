import { createRepository, type Repository } from '../src/repository.ts';

/** A repository with these files, and a manifest for each package folder that has none. */
export function repositoryOf(files: Readonly<Record<string, string>>): Repository {
  const all = new Map(Object.entries(files));
  for (const path of Object.keys(files)) {
    const [, directory, name] = /^((?:packages|tools)\/([^/]+))\//.exec(path) ?? [];
    if (directory === undefined || all.has(`${directory}/package.json`)) continue;
    const packageName = name === 'hypermesh' ? '@hypermesh/mesh' : `@hypermesh/${name}`;
    all.set(`${directory}/package.json`, JSON.stringify({ name: packageName, exports: { '.': { default: './dist/index.js' } } }));
  }
  return createRepository(all);
}
