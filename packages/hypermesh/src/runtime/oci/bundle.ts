import type { WorkloadSpec } from '../driver.ts';
import { SECCOMP } from './seccomp.ts';

/** Port on the container's own loopback on which it serves HTTP; given to it as `PORT`. */
export const CONTAINER_PORT: number = 8_080;

// Nobody, in most distributions; owns nothing outside.
const UNPRIVILEGED_ID = 65_534;
// Scratch space counts against the container's memory.
const SCRATCH_BYTES = 16 * 1024 * 1024;
const CPU_PERIOD_US = 100_000;
const OPEN_FILES_MAX = 1_024;

const MASKED = ['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/sched_debug', '/proc/scsi'];
const MASKED_TOO = ['/proc/timer_list', '/proc/timer_stats', '/sys/firmware', '/sys/devices/virtual/powercap'];
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** `config.json` of the OCI runtime specification 1.0.2 for a workload that gets no privilege at all. */
export function bundleConfig(spec: WorkloadSpec, cgroupsPath: string, cgroupVersion: 1 | 2): object {
  return {
    ociVersion: '1.0.2',
    hostname: 'workload',
    root: { path: 'rootfs', readonly: true },
    process: {
      terminal: false,
      user: { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID },
      cwd: '/',
      args: spec.args,
      env: environmentOf(spec),
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      noNewPrivileges: true,
      rlimits: [
        { type: 'RLIMIT_NOFILE', soft: OPEN_FILES_MAX, hard: OPEN_FILES_MAX },
        { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
      ],
    },
    mounts: mounts(),
    linux: {
      cgroupsPath,
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'network', ...(cgroupVersion === 2 ? ['cgroup'] : [])].map((type) => ({ type })),
      resources: resources(spec),
      seccomp: SECCOMP,
      maskedPaths: [...MASKED, ...MASKED_TOO],
      readonlyPaths: READ_ONLY,
    },
  };
}

function environmentOf({ env }: WorkloadSpec): string[] {
  const base = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/tmp' };
  return Object.entries({ ...base, ...env, PORT: String(CONTAINER_PORT) }).map(([name, value]) => `${name}=${value}`);
}

function resources({ limits }: WorkloadSpec): object {
  return {
    devices: [{ allow: false, access: 'rwm' }],
    // Swap included, so that the limit is one limit.
    memory: { limit: limits.memoryBytesMax, swap: limits.memoryBytesMax },
    pids: { limit: limits.pidsMax },
    cpu: { period: CPU_PERIOD_US, quota: Math.max(1_000, Math.floor((limits.cpuMillis * CPU_PERIOD_US) / 1_000)) },
  };
}

function mounts(): object[] {
  const closed = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: closed },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=64k'] },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666'] },
    { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: [...closed, 'mode=1777', `size=${SCRATCH_BYTES}`] },
  ];
}
