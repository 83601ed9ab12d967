import type { GuestInput, GuestResult } from './guest-run.ts';

/** Messages between the driver, the guest process and the thread that runs the guest. */
export interface GuestSetup {
  readonly kind: 'setup';
  /** Path of the metered, memory-limited module. */
  readonly modulePath: string;
  readonly requestMsMax: number;
}

export interface GuestRequest {
  readonly kind: 'request';
  readonly id: number;
  readonly input: GuestInput;
}

export interface GuestReady {
  readonly kind: 'ready';
}

export interface GuestAnswer {
  readonly kind: 'answer';
  readonly id: number;
  readonly result: GuestResult | { readonly outcome: 'timeout' };
}

export interface GuestBroken {
  readonly kind: 'broken';
  readonly reason: string;
}
