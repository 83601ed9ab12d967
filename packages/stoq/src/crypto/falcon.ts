import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { createFalcon1024 } from '@oqs/liboqs-js/sig';
import { Piscina } from 'piscina';
import { stoqError } from '../errors.ts';
import { ALGORITHMS } from './algorithms.ts';
import { plainBytes, wipe } from './bytes.ts';
import { isCompressedFalcon } from './falcon-form.ts';
import type { FalconKeys } from './falcon-generation.entry.ts';
import type { FalconSignTask } from './falcon-signing.entry.ts';
import type { KeyPair, PublicKey, SecretKey, Signature, Signer } from './keys.ts';
import { assertKeyLength } from './native-keys.ts';

// Signing takes about 6 ms of one core; more threads than this take cores from the work that waits for signatures.
const THREADS_MAX = 4;
// About 6 s of signing on four threads: whoever comes later should hear so at once.
const QUEUED_SIGNATURES_MAX = 4096;
// A thread without work keeps some 10 MB.
const THREAD_IDLE_MS = 60_000;
// Without a bound a thread kept some 85 KB of garbage of each signature. With half the young generation a signature takes a quarter longer.
const THREAD_MEMORY = { maxYoungGenerationSizeMb: 32, maxOldGenerationSizeMb: 32 };

export interface Falcon {
  verify(key: PublicKey<'falcon1024'>, message: Uint8Array, signature: Uint8Array): boolean;
  generateKeyPair(): Promise<KeyPair<'falcon1024'>>;
  createSigner(pair: KeyPair<'falcon1024'>): Signer<'falcon1024'>;
  close(): Promise<void>;
}

/** FALCON-1024, round 3: verification here by liboqs (WASM), signing and key generation in threads of their own. */
export async function createFalcon(threads: number = Math.min(THREADS_MAX, availableParallelism())): Promise<Falcon> {
  const verifier = await createFalcon1024();
  const secrets = new Set<Uint8Array>();
  let pool: Piscina<FalconSignTask, Uint8Array> | undefined;
  let closed = false;

  const signingPool = (): Piscina<FalconSignTask, Uint8Array> => {
    if (closed) throw stoqError('stoq.signing_closed');
    pool ??= new Piscina({
      filename: entryFile('falcon-signing'),
      name: 'sign',
      minThreads: 0,
      maxThreads: threads,
      maxQueue: QUEUED_SIGNATURES_MAX,
      idleTimeout: THREAD_IDLE_MS,
      resourceLimits: THREAD_MEMORY,
    });
    if (pool.queueSize >= QUEUED_SIGNATURES_MAX) {
      throw stoqError('stoq.signing_overload', { queuedMax: QUEUED_SIGNATURES_MAX });
    }
    return pool;
  };

  const verify: Falcon['verify'] = (key, message, signature) => {
    if (key.bytes.length !== ALGORITHMS.falcon1024.publicKeyBytes || !isCompressedFalcon(signature)) return false;
    try {
      return verifier.verify(message, plainBytes(signature), plainBytes(key.bytes));
    } catch {
      return false;
    }
  };

  const sign = async (pair: KeyPair<'falcon1024'>, message: Uint8Array): Promise<Signature<'falcon1024'>> => {
    // A copy: what a buffer of the runtime's pool shares memory with must not travel.
    const task = { secretKey: pair.secretKey.bytes, message: new Uint8Array(message) };
    const bytes = await signingPool().run(task, { name: 'sign' });
    // A wrong key pair or a fault in the floating-point sampler must not leave the process: it may reveal the key.
    if (!verify(pair.publicKey, message, bytes)) throw stoqError('stoq.key_malformed', { algorithm: 'falcon1024' });
    return { algorithm: 'falcon1024', bytes: Uint8Array.from(bytes) };
  };

  return {
    verify,
    generateKeyPair: generateInThread,
    createSigner(pair) {
      const held = holdPair(pair);
      secrets.add(held.secretKey.bytes);
      return { publicKey: held.publicKey, sign: (message) => sign(held, message) };
    },
    async close() {
      if (closed) return;
      closed = true;
      await pool?.destroy();
      wipe(...secrets);
      secrets.clear();
      verifier.destroy();
    },
  };
}

async function generateInThread(): Promise<KeyPair<'falcon1024'>> {
  const thread = new Piscina<undefined, FalconKeys>({ filename: entryFile('falcon-generation'), minThreads: 1, maxThreads: 1 });
  try {
    const keys = await thread.run(undefined, { name: 'generate' });
    return {
      publicKey: { algorithm: 'falcon1024', bytes: keys.publicKey },
      secretKey: { algorithm: 'falcon1024', bytes: keys.secretKey },
    };
  } finally {
    await thread.destroy();
  }
}

/** A copy of the pair with the secret in shared memory, which the threads read in place. */
function holdPair(pair: KeyPair<'falcon1024'>): KeyPair<'falcon1024'> {
  assertKeyLength(pair.publicKey, ALGORITHMS.falcon1024.publicKeyBytes);
  assertKeyLength(pair.secretKey, ALGORITHMS.falcon1024.secretKeyBytes);
  const shared = new Uint8Array(new SharedArrayBuffer(pair.secretKey.bytes.length));
  shared.set(pair.secretKey.bytes);
  const secretKey: SecretKey<'falcon1024'> = { algorithm: 'falcon1024', bytes: shared };
  return { publicKey: { algorithm: 'falcon1024', bytes: Uint8Array.from(pair.publicKey.bytes) }, secretKey };
}

// One entry per library, because a thread loads all that its entry imports: half of what a generation takes.
/** Entries stand beside this file, as TypeScript in the source tree and as JavaScript when built. */
function entryFile(name: 'falcon-generation' | 'falcon-signing'): string {
  return new URL(`./${name}.entry${extname(import.meta.url)}`, import.meta.url).href;
}
