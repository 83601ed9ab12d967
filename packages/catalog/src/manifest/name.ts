import semver from 'semver';

// A DNS label (RFC 1035, 2.3.4), so that an app can have the name of its package.
export const PACKAGE_NAME_LENGTH_MAX: number = 63;
export const VERSION_LENGTH_MAX: number = 64;

const NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/u;

/** The one form that a package name has in manifests and in the index. Never empty, never with a separator of the index's keys. */
export function isPackageName(name: string): boolean {
  return name.length <= PACKAGE_NAME_LENGTH_MAX && NAME.test(name);
}

/** Whether `version` is the canonical form of a semantic version (semver 2.0.0) without build metadata. */
export function isExactVersion(version: string): boolean {
  return version.length <= VERSION_LENGTH_MAX && semver.valid(version) === version;
}
