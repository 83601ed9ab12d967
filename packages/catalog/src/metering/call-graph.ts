/** Who calls whom: function names; calls through a table reach every function of a table. */
export type CallGraph = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Functions that can reach themselves (strongly connected components, Tarjan 1972). The walk keeps its own stack,
 * because the depth of the graph is the guest's choice.
 */
export function recursiveFunctions(graph: CallGraph): ReadonlySet<string> {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const path: string[] = [];
  const onPath = new Set<string>();
  const recursive = new Set<string>();

  const enter = (name: string): Frame => {
    index.set(name, index.size);
    low.set(name, index.get(name) as number);
    path.push(name);
    onPath.add(name);
    return { name, callees: (graph.get(name) ?? new Set<string>()).values() };
  };
  const leave = (name: string): void => {
    if (low.get(name) !== index.get(name)) return;
    const component = path.splice(path.indexOf(name));
    for (const member of component) {
      onPath.delete(member);
      if (component.length > 1 || graph.get(member)?.has(member) === true) recursive.add(member);
    }
  };

  for (const root of graph.keys()) {
    const frames: Frame[] = index.has(root) ? [] : [enter(root)];
    while (frames.length > 0) {
      const frame = frames.at(-1) as Frame;
      const next = frame.callees.next();
      if (next.done === true) {
        frames.pop();
        leave(frame.name);
        const caller = frames.at(-1);
        if (caller !== undefined) lower(low, caller.name, low.get(frame.name) as number);
      } else if (!index.has(next.value)) {
        frames.push(enter(next.value));
      } else if (onPath.has(next.value)) {
        lower(low, frame.name, index.get(next.value) as number);
      }
    }
  }
  return recursive;
}

interface Frame {
  readonly name: string;
  readonly callees: IterableIterator<string>;
}

function lower(low: Map<string, number>, name: string, value: number): void {
  low.set(name, Math.min(low.get(name) as number, value));
}
