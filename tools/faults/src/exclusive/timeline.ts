/** A stretch of time in which one instance surely was there, milliseconds of one clock. */
export interface Presence {
  /** Names the instance: its replica, or its process. */
  readonly instance: string;
  readonly from: number;
  readonly to: number;
}

/** Pairs of different instances that were there at the same moment. */
export function overlaps(presences: readonly Presence[]): readonly string[] {
  const sorted = presences.toSorted((one, other) => one.from - other.from);
  const found: string[] = [];
  for (const [index, earlier] of sorted.entries()) {
    for (const later of sorted.slice(index + 1)) {
      if (later.instance === earlier.instance || later.from > earlier.to) continue;
      const shared = Math.min(earlier.to, later.to) - later.from;
      found.push(`${earlier.instance} and ${later.instance} were both there for ${Math.round(shared)} ms`);
    }
  }
  return found;
}

/** From the first to the last moment at which each instance recorded itself. */
export function presencesOf(records: readonly { readonly instance: string; readonly at: number }[]): readonly Presence[] {
  const presences = new Map<string, Presence>();
  for (const { instance, at } of records) {
    const known = presences.get(instance) ?? { instance, from: at, to: at };
    presences.set(instance, { instance, from: Math.min(known.from, at), to: Math.max(known.to, at) });
  }
  return [...presences.values()];
}
