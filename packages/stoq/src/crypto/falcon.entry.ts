import { falcon1024 } from '@noble/post-quantum/falcon.js';
import { createFalcon1024 } from '@oqs/liboqs-js/sig';

export interface FalconSignTask {
  /** In shared memory, so that no copy of the secret is made for the thread. */
  readonly secretKey: Uint8Array;
  readonly message: Uint8Array;
}

export interface FalconKeys {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** Signs with noble, which wipes what it derives from the secret key. */
export function sign(task: FalconSignTask): Uint8Array {
  return falcon1024.sign(task.message, task.secretKey);
}

/** Generates with liboqs, whose WASM memory is never wiped: the thread must end afterwards. */
export async function generate(): Promise<FalconKeys> {
  const falcon = await createFalcon1024();
  try {
    return falcon.generateKeyPair();
  } finally {
    falcon.destroy();
  }
}
