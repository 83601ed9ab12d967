import { createFalcon1024 } from '@oqs/liboqs-js/sig';

export interface FalconKeys {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
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
