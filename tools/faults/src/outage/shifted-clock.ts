import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Environment under which a process, and every process that it starts, sees a later wall clock. */
export interface ShiftedClock {
  /** How: by the C library of the processes, or by the JavaScript clock alone. */
  readonly means: 'libfaketime' | 'preload';
  readonly environment: Readonly<Record<string, string>>;
}

export const OFFSET_VARIABLE = 'HYPERMESH_FAULTS_CLOCK_OFFSET_MS';

// Where Debian and its descendants, Fedora, and others keep it.
const LIBRARIES: readonly string[] = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib64/faketime/libfaketimeMT.so.1',
  '/usr/lib/faketime/libfaketimeMT.so.1',
];

/** With libfaketime where it is installed, otherwise with a module that every Node.js process loads first. */
export function shiftedClock(offsetMs: number, libraries: readonly string[] = LIBRARIES): ShiftedClock {
  const library = libraries.find((path) => existsSync(path));
  if (library !== undefined) {
    const seconds = Math.round(offsetMs / 1_000);
    // Monotonic time and the times of files stay: a reboot changes the wall clock only.
    return {
      means: 'libfaketime',
      environment: { LD_PRELOAD: library, FAKETIME: `+${seconds}s`, FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' },
    };
  }
  const fromSource = import.meta.url.endsWith('.ts');
  const module = fileURLToPath(new URL(fromSource ? './clock.entry.ts' : './clock.entry.js', import.meta.url));
  return {
    means: 'preload',
    // Unlike `--import`, `--require` holds in worker threads as well.
    environment: { NODE_OPTIONS: `--require=${JSON.stringify(module)}`, [OFFSET_VARIABLE]: String(offsetMs) },
  };
}

/** The program that opens the mesh again under the shifted clock. */
export function recoveryProgram(): string {
  return fileURLToPath(new URL('./recovery.entry.js', import.meta.url));
}
