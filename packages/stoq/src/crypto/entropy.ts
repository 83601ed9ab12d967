import { randomFillSync } from 'node:crypto';

/** Source of random bytes. Production uses the operating system's generator; simulators pass a seeded one. */
export interface Entropy {
  bytes(length: number): Uint8Array;
}

export const systemEntropy: Entropy = {
  bytes: (length) => randomFillSync(new Uint8Array(length)),
};
