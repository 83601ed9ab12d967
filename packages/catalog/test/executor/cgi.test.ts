import { expect, it } from 'vitest';
import { cgiEnvironment } from '../../src/executor/cgi.ts';

it.each<[string, Record<string, string>, Record<string, string>, string]>([
  ['a header', { accept: 'text/html' }, {}, 'HTTP_ACCEPT=text/html'],
  ['a granted variable against a header', { timeout: '0' }, { HTTP_TIMEOUT: '30' }, 'HTTP_TIMEOUT=30'],
  ['the path against a granted variable', {}, { PATH_INFO: '/other' }, 'PATH_INFO=/a'],
  ['the type of the body', { 'content-type': 'text/plain' }, {}, 'CONTENT_TYPE=text/plain'],
])('a guest sees %s', (_, headers, granted, variable) => {
  const variables = cgiEnvironment({ method: 'GET', path: '/a?b', headers, body: new Uint8Array() }, granted);
  const name = `${variable.split('=')[0]}=`;
  expect(variables.filter((entry) => entry.startsWith(name))).toEqual([variable]);
});

it('a guest never sees a proxy of the request', () => {
  const variables = cgiEnvironment({ method: 'GET', path: '/', headers: { proxy: 'http://x' }, body: new Uint8Array() }, {});
  expect(variables.some((entry) => entry.startsWith('HTTP_PROXY='))).toBe(false);
});
