// Below the limits of every file system that a node may use.
export const PATH_LENGTH_MAX: number = 240;
export const PATH_DEPTH_MAX: number = 16;

/** Why a relative path may not stand in a package; undefined when it may. */
export function pathProblem(path: string): string | undefined {
  if (path.length === 0 || path.length > PATH_LENGTH_MAX) return `path must have 1 to ${PATH_LENGTH_MAX} characters`;
  if (!/^[\x20-\x7e]+$/u.test(path)) return 'path must be printable ASCII';
  if (path.includes('\\') || path.includes(':')) return 'path must not contain backslash or colon';
  if (path.startsWith('/')) return 'path must be relative';
  const parts = path.split('/');
  if (parts.length > PATH_DEPTH_MAX) return `path must be at most ${PATH_DEPTH_MAX} folders deep`;
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return 'path must not contain empty, "." or ".." parts';
  return undefined;
}
