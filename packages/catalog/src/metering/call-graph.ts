/** The one node that stands for all tables: its callers call through a table, its callees are in one. */
export const THROUGH_TABLE = null;

/** Who calls whom, by name. With one node for the tables its size is that of the module, not callers times entries. */
export type CallGraph = ReadonlyMap<CallNode, ReadonlySet<CallNode>>;
export type CallNode = string | typeof THROUGH_TABLE;

/**
 * Functions that can reach themselves (strongly connected components, Tarjan 1972). The walk keeps its own stack,
 * because the depth of the graph is the guest's choice.
 */
export function recursiveFunctions(graph: CallGraph): ReadonlySet<string> {
  const index = new Map<CallNode, number>();
  const low = new Map<CallNode, number>();
  const path: CallNode[] = [];
  const onPath = new Set<CallNode>();
  const recursive = new Set<string>();

  const enter = (name: CallNode): Frame => {
    index.set(name, index.size);
    low.set(name, index.get(name) as number);
    path.push(name);
    onPath.add(name);
    return { name, callees: (graph.get(name) ?? new Set<CallNode>()).values() };
  };
  const leave = (name: CallNode): void => {
    if (low.get(name) !== index.get(name)) return;
    const alone = path.at(-1) === name && graph.get(name)?.has(name) !== true;
    let member: CallNode | undefined;
    do {
      member = path.pop() as CallNode;
      onPath.delete(member);
      if (!alone && member !== THROUGH_TABLE) recursive.add(member);
    } while (member !== name);
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
  readonly name: CallNode;
  readonly callees: IterableIterator<CallNode>;
}

function lower(low: Map<CallNode, number>, name: CallNode, value: number): void {
  low.set(name, Math.min(low.get(name) as number, value));
}
