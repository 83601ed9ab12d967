import { describe, expect, it } from 'vitest';
import type { CodedError, PeerIdentity } from '@hypermesh/stoq';
import { openCalls } from './fixture.ts';
import type { SampleMethods } from './sample-service.ts';

describe('authorisation', () => {
  it.each<[string, Partial<PeerIdentity>, keyof SampleMethods, string]>([
    ['a role of several', { roles: ['viewer', 'validator'] }, 'operate', 'ok'],
    ['no role', { roles: [] }, 'operate', 'stoq.rpc_forbidden'],
    ['a kind', { kind: 'set-entry' }, 'setOnly', 'ok'],
    ['a raw key where it may call', { kind: 'raw-key', restricted: true, roles: [] }, 'enrol', 'ok'],
    ['a raw key elsewhere', { kind: 'raw-key', restricted: true }, 'operate', 'stoq.rpc_forbidden'],
    ['a pinned key by default', { kind: 'pinned', roles: ['operator'] }, 'operate', 'stoq.rpc_forbidden'],
    ['a restricted session where it may call', { restricted: true }, 'enrol', 'ok'],
    ['a restricted session elsewhere', { restricted: true, roles: ['operator'] }, 'operate', 'stoq.rpc_forbidden'],
  ])('%s', async (_, peer, method, expected) => {
    const { calls } = openCalls(peer);
    const call = (calls[method] as (request: null) => Promise<unknown>)(null);
    const code = await call.then(
      () => 'ok',
      (error: CodedError) => error.code,
    );
    expect(code).toBe(expected);
  });

  it('comes before the body is read', async () => {
    const { client } = openCalls({ roles: [] });
    const stream = await client.openStream();
    const header = Buffer.from('01 00000013 82 70 73616d706c652f312e6f706572617465 1903e8'.replaceAll(' ', ''), 'hex');
    header.writeUInt32BE(header.length - 5, 1);
    await stream.write(header);
    const answer = Buffer.from((await stream.read()) ?? []);
    expect(answer[0]).toBe(4);
    expect(answer.toString('latin1')).toContain('stoq.rpc_forbidden');
    stream.reset(1);
  });
});
