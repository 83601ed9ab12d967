// The longest period that a timer of the runtime takes.
const PERIOD_MS: number = 2 ** 31 - 1;

/** Keeps the process running while anything holds it: the native binding's pending calls do not. */
export interface ProcessHold {
  /** The returned function releases, once. */
  take(): () => void;
}

export function createProcessHold(): ProcessHold {
  let holders = 0;
  let handle: NodeJS.Timeout | undefined;
  return {
    take() {
      holders++;
      handle ??= setInterval(() => {}, PERIOD_MS);
      let released = false;
      return () => {
        if (released) return;
        released = true;
        holders--;
        if (holders > 0) return;
        clearInterval(handle);
        handle = undefined;
      };
    },
  };
}
