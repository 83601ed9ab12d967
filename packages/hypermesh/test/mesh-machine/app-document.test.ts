import { formatId } from '@hypermesh/stoq';
import { describe, expect, it } from 'vitest';
import { assertAppSpec } from '../../src/mesh-machine/app.ts';
import { APP_DOCUMENT_BYTES_MAX, parseAppDocument, resolveApp } from '../../src/mesh-machine/app-document.ts';

const MINIMAL = 'apiVersion: hypermesh/v1\nkind: App\nname: hello\npackage: hello@1.0.0\n';
const ROOT = new Uint8Array(32).fill(3);

const refusalOf = (source: string): unknown => {
  try {
    parseAppDocument(source, 'app.yaml');
    return 'none';
  } catch (error) {
    const { code, data } = error as { code: string; data: Record<string, unknown> };
    return { code, ...data };
  }
};

describe('app documents', () => {
  it('fill in defaults', () => {
    expect(parseAppDocument(MINIMAL, 'app.yaml')).toEqual({
      name: 'hello',
      package: { name: 'hello', version: '1.0.0' },
      replicas: 1,
      resources: { cpuMillis: 100, memoryBytes: 64 * 2 ** 20 },
      limits: { pids: 32, fuelPerRequest: 10_000_000_000n, requestMs: 10_000 },
      env: [],
      args: [],
      health: null,
      restart: 'always',
      exclusive: false,
      onPartition: 'keep',
    });
  });

  it('take every key', () => {
    const source = `${MINIMAL.replace('hello@1.0.0', formatId('pkg', ROOT))}
replicas: 3
resources: { cpuMillis: 250, memory: 2GiB }
env: { B: 2, A: one, C: true }
args: [--verbose]
health: { path: /healthz, failuresMax: 5 }
restart: never
onPartition: stop
limits: { pids: 4, fuelPerRequest: 1000, requestMs: 500 }
`;
    const document = parseAppDocument(source, 'app.yaml');
    expect(document).toMatchObject({
      package: { root: ROOT },
      replicas: 3,
      resources: { cpuMillis: 250, memoryBytes: 2 * 2 ** 30 },
      env: [
        { name: 'A', value: 'one' },
        { name: 'B', value: '2' },
        { name: 'C', value: 'true' },
      ],
      args: ['--verbose'],
      health: { path: '/healthz', intervalMs: 10_000, timeoutMs: 1_000, failuresMax: 5 },
      restart: 'never',
      onPartition: 'stop',
      limits: { pids: 4, fuelPerRequest: 1_000n, requestMs: 500 },
    });
    assertAppSpec(resolveApp(document, { name: 'hello', version: '1', root: ROOT, manifest: ROOT, kind: 'wasm' }));
  });

  it('stop an exclusive app on a partition', () => {
    expect(parseAppDocument(`${MINIMAL}exclusive: true\n`, 'app.yaml')).toMatchObject({ exclusive: true, onPartition: 'stop' });
  });

  it.each<[string, string, string, RegExp]>([
    ['another version', MINIMAL.replace('mesh/v1', 'mesh/v2'), 'apiVersion', /hypermesh\/v1/],
    ['another kind', MINIMAL.replace('App', 'Job'), 'kind', /App/],
    ['a bad name', MINIMAL.replace('name: hello', 'name: Hello'), 'name', /DNS label/],
    ['a package without version', MINIMAL.replace('@1.0.0', ''), 'package', /name@version/],
    ['a damaged root', MINIMAL.replace('hello@1.0.0', `${formatId('pkg', ROOT).slice(0, -1)}1`), 'package', /pkg:/],
    ['an unknown key', `${MINIMAL}replica: 3\n`, 'replica', /Unrecognized/],
    ['an unknown key further in', `${MINIMAL}limits: { fuel: 3 }\n`, 'limits.fuel', /Unrecognized/],
    ['memory without unit', `${MINIMAL}resources: { memory: 64 }\n`, 'resources.memory', /e\.g\. 64MiB/],
    ['too many replicas', `${MINIMAL}replicas: 257\n`, 'replicas', /256/],
    ['a variable with a bad name', `${MINIMAL}env: { A-B: x }\n`, 'env.A-B', /letters, digits/],
    ['a relative path', `${MINIMAL}health: { path: x }\n`, 'health.path', /begin with/],
    ['exclusive and keep', `${MINIMAL}exclusive: true\nonPartition: keep\n`, 'onPartition', /without its lease/],
    ['two exclusive replicas', `${MINIMAL}exclusive: true\nreplicas: 2\n`, 'replicas', /one instance/],
    ['broken YAML', `${MINIMAL}a: [1\n`, 'line 6', /./],
    ['a key twice', `${MINIMAL}name: other\n`, 'line 5', /unique/i],
    ['a warning of YAML', `${MINIMAL}args: [!what x]\n`, 'line 5', /tag/i],
    ['aliases', `${MINIMAL}args: &a [x]\nenv: { A: *a }\n`, '', /alias/i],
    ['too many bytes', `${MINIMAL}# ${'x'.repeat(APP_DOCUMENT_BYTES_MAX)}`, '', /bytes/],
    ['no mapping', 'hello', '', /object/i],
  ])('refuse %s', (_, source, key, reason) => {
    expect(refusalOf(source)).toEqual({ code: 'hypermesh.app_invalid', file: 'app.yaml', key, reason: expect.stringMatching(reason) });
  });
});
