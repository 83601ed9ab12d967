// Loaded first by every process of a mesh whose clock is to be ahead; see `shiftedClock`.
const offsetMs = Number(process.env.HYPERMESH_FAULTS_CLOCK_OFFSET_MS ?? 0);
const SystemDate = Date;

globalThis.Date = class extends SystemDate {
  constructor(...parts: [] | ConstructorParameters<typeof Date>) {
    if (parts.length === 0) super(SystemDate.now() + offsetMs);
    else super(...parts);
  }

  static override now(): number {
    return SystemDate.now() + offsetMs;
  }
} as DateConstructor;
