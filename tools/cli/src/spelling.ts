const DISTANCE_MAX = 2;

/** Those that somebody may have meant who wrote `word`: the nearest within two slips, of which most letters are right. */
export function nearest<T>(word: string, candidates: readonly T[], nameOf: (candidate: T) => string): readonly T[] {
  let [best, least] = [[] as T[], DISTANCE_MAX];
  for (const candidate of candidates) {
    const name = nameOf(candidate);
    const slips = slipsBetween(word, name);
    if (slips > least || slips * 2 >= Math.max(word.length, name.length)) continue;
    best = slips < least ? [candidate] : [...best, candidate];
    least = slips;
  }
  return best;
}

/** A question for people; empty without names. */
export function didYouMean(names: readonly string[]): string {
  return names.length === 0 ? '' : `Did you mean ${names.length > 1 ? 'one of ' : ''}${names.join(', ')}?`;
}

/** Optimal string alignment distance: letters to insert, delete, replace, or swap with their neighbour. */
function slipsBetween(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let column = 1; column <= other.length; column++) {
      const same = one[at - 1] === other[column - 1];
      const swapped = one[at - 1] === other[column - 2] && one[at - 2] === other[column - 1];
      next[column] = Math.min(
        cell(row, column) + 1,
        cell(next, column - 1) + 1,
        cell(row, column - 1) + (same ? 0 : 1),
        swapped ? cell(before, column - 2) + 1 : Infinity,
      );
    }
    [before, row] = [row, next];
  }
  return cell(row, other.length);
}

function cell(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
