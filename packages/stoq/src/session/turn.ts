/** Calls back after the microtasks of this turn of the event loop, in which whoever goes on may add to what is to be done. */
export function atEndOfTurn(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback));
}
