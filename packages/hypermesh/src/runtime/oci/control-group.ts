import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

const MOUNT = '/sys/fs/cgroup';
const V1_MEMORY = join(MOUNT, 'memory');

/** Which hierarchy limits memory here; undefined when none does. */
export async function controlGroupVersion(): Promise<1 | 2 | undefined> {
  if (await exists(join(MOUNT, 'cgroup.controllers'))) return 2;
  return (await exists(join(V1_MEMORY, 'memory.limit_in_bytes'))) ? 1 : undefined;
}

/** How many processes of the group the kernel has killed for want of memory. */
export async function memoryKills(cgroupsPath: string, version: 1 | 2): Promise<number> {
  const file = version === 2 ? join(MOUNT, cgroupsPath, 'memory.events') : join(V1_MEMORY, cgroupsPath, 'memory.oom_control');
  const text = await readFile(file, 'utf8').catch(() => '');
  return Number(/^oom_kill (\d+)$/mu.exec(text)?.[1] ?? 0);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
