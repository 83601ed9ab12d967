/** `live`: the process can still do its work, else it should be restarted. `ready`: it should be sent work now. */
export type HealthKind = 'live' | 'ready';

/** What is wrong in a few words, or null. Answers from what is known; it neither waits nor asks a peer. */
export type HealthProbe = () => string | null;

export interface HealthReport {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly problem: string | null }[];
}

export interface Health {
  /** Adds a named check; the returned function removes it. A name taken again replaces the check. */
  check(kind: HealthKind, name: string, probe: HealthProbe): () => void;
  report(kind: HealthKind): HealthReport;
}

export function createHealth(): Health {
  const probes: Record<HealthKind, Map<string, HealthProbe>> = { live: new Map(), ready: new Map() };
  return {
    check(kind, name, probe) {
      probes[kind].set(name, probe);
      return () => {
        if (probes[kind].get(name) === probe) probes[kind].delete(name);
      };
    },
    report(kind) {
      const checks = [...probes[kind]].map(([name, probe]) => ({ name, problem: problemOf(probe) }));
      return { ok: checks.every(({ problem }) => problem === null), checks };
    },
  };
}

function problemOf(probe: HealthProbe): string | null {
  try {
    return probe();
  } catch {
    return 'the check itself failed';
  }
}
