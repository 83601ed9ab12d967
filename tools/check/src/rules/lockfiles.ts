import type { Finding } from '../finding.ts';
import type { Repository } from '../repository.ts';

const LOCKFILES = ['pnpm-lock.yaml', 'toolchain/package-lock.json'];

/** Lockfiles name no host, so that an install works with any registry; registry settings belong to the machine. */
export function checkLockfiles(repository: Repository): Finding[] {
  const missing = LOCKFILES.filter((file) => !repository.has(file)).map((file) => ({
    file,
    line: 1,
    rule: 'lockfiles',
    message: 'the lockfile is missing',
    remedy: 'install once and commit it',
  }));
  const hosts = LOCKFILES.filter((file) => repository.has(file)).flatMap((file) =>
    repository
      .text(file)
      .split('\n')
      .flatMap((text, index) => {
        if (!/\b(?:https?|git|ssh):\/\//.test(text) && !/^\s*"?resolved"?:/.test(text)) return [];
        const remedy = 'remove `resolved` and `tarball` addresses; the integrity hash is what pins the package';
        return [{ file, line: index + 1, rule: 'lockfiles', message: 'the lockfile names a host', remedy }];
      }),
  );
  const settings = repository.paths
    .filter((path) => /(?:^|\/)\.(npmrc|yarnrc|yarnrc\.yml)$/.test(path))
    .map((file) => ({
      file,
      line: 1,
      rule: 'lockfiles',
      message: 'registry settings are in the repository',
      remedy: "keep them in the machine's own configuration",
    }));
  return [...missing, ...hosts, ...settings];
}
