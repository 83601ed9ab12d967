import { describe, expect, it } from 'vitest';
import { DAEMON_USAGE, parseDaemonFlags } from '../../src/host/daemon-flags.ts';

const NOTHING = { configFile: undefined, exitWithParent: false, readyFd: undefined, readyFile: undefined, set: {}, help: false };

describe('flags of a daemon', () => {
  it.each([
    [[], {}],
    [['--config', '/etc/a b.yaml'], { configFile: '/etc/a b.yaml' }],
    [['--config=x', '--exit-with-parent', '--help'], { configFile: 'x', exitWithParent: true, help: true }],
    [['--ready-fd', '3', '--ready-file', 'r'], { readyFd: 3, readyFile: 'r' }],
    [['--set', 'a=1', '--set', 'b.c=x=y', '--set', 'd='], { set: { a: '1', 'b.c': 'x=y', d: '' } }],
  ])('%j', (args, flags) => {
    expect(parseDaemonFlags(args)).toEqual({ ...NOTHING, ...flags });
  });

  it.each([
    [['--unknown']],
    [['positional']],
    [['--config']],
    [['--ready-fd', '0']],
    [['--ready-fd', '-1']],
    [['--set', 'a']],
    [['--set', '=a']],
    [['--exit-with-parent=1']],
  ])('refuses %j', (args) => {
    expect(() => parseDaemonFlags(args)).toThrow(expect.objectContaining({ code: 'stoq.config_invalid' }));
  });

  it('are all in the usage', () => {
    for (const flag of ['config', 'set', 'exit-with-parent', 'ready-fd', 'ready-file', 'help']) expect(DAEMON_USAGE).toContain(`--${flag}`);
  });
});
