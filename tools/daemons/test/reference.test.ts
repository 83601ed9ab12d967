import { readFile } from 'node:fs/promises';
import { caesarContract } from '@hypermesh/caesar';
import { catalogContract } from '@hypermesh/catalog';
import { consensusContract, meshContract, proofContract, workloadContract } from '@hypermesh/mesh';
import { blobContract, circuitContract, type Contract } from '@hypermesh/stoq';
import { issuancePolicyContract, trustchainConfigSchema, trustchainContract, witnessContract } from '@hypermesh/trustchain';
import { describe, expect, it } from 'vitest';
import { caesardSchema, catalogdSchema, hypermeshdSchema, stoqdSchema } from '../src/index.ts';

const documentOf = (path: string): Promise<string> => readFile(new URL(`../../../docs/${path}`, import.meta.url), 'utf8');

/** Cells of the table rows below a heading, without the row of names and the line under it. */
function rowsBelow(document: string, heading: string): string[][] {
  const [, section = ''] = document.split(`\n## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  return own
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

const CONTRACTS = [
  trustchainContract,
  witnessContract,
  issuancePolicyContract,
  consensusContract,
  meshContract,
  proofContract,
  workloadContract,
  catalogContract,
  caesarContract,
  blobContract,
  circuitContract,
] as unknown as readonly Contract[];

describe('docs/reference/rpc.md', async () => {
  const document = await documentOf('reference/rpc.md');

  it.each(CONTRACTS.map((contract) => ({ contract, title: `${contract.name}/${contract.version}` })))(
    'lists $title',
    ({ contract, title }) => {
      const expected = Object.entries(contract.methods).map(([name, method]) => [
        name,
        method.roles === 'any' ? 'any' : method.roles.join(', '),
        (method.kinds ?? ['bundle', 'set-entry']).join(', ') + (method.restricted === true ? ', restricted' : ''),
        method.idempotent ? 'yes' : 'no',
        `${method.deadlineMs / 1_000} s${method.kind === 'server-stream' ? ' a step' : ''}`,
        String(method.requestBytesMax),
        String(method.responseBytesMax),
      ]);
      expect(rowsBelow(document, title)).toEqual(expected);
    },
  );

  it('lists no other contract', () => {
    const titles = [...document.matchAll(/^## ([a-z-]+\/\d+)$/gm)].map(([, title]) => title);
    expect(titles).toEqual(CONTRACTS.map(({ name, version }) => `${name}/${version}`));
  });
});

const SCHEMAS = [
  { daemon: 'trustchaind', schema: trustchainConfigSchema, required: {} },
  { daemon: 'hypermeshd', schema: hypermeshdSchema, required: { name: 'a', ingress: { host: '::1', port: 1 } } },
  { daemon: 'catalogd', schema: catalogdSchema, required: {} },
  { daemon: 'caesard', schema: caesardSchema, required: {} },
  { daemon: 'stoqd', schema: stoqdSchema, required: {} },
];
const REQUIRED: ReadonlySet<string> = new Set(['home', 'listen', 'name', 'ingress.host', 'ingress.port']);
/** Null unless a whole mapping is given. */
const CAPACITY = ['capacity.cpuMillis', 'capacity.memoryBytes', 'capacity.workloads'];

function leavesOf(value: unknown, path: string): [key: string, value: unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, part]) => leavesOf(part, path === '' ? key : `${path}.${key}`));
}

function variableOf(daemon: string, key: string): string {
  const steps = key.split('.').map((step) => step.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase());
  return `${daemon.toUpperCase()}_${steps.join('__')}`;
}

describe('docs/operating/configuration.md', async () => {
  const document = await documentOf('operating/configuration.md');
  const everyDaemon = rowsBelow(document, 'Every daemon');

  it.each(SCHEMAS)('lists keys, defaults and variables of $daemon', ({ daemon, schema, required }) => {
    const parsed = leavesOf(schema.parse({ home: '/home', listen: ['[::]:1'], ...required }), '');
    const expected = parsed.flatMap(([key, value]) =>
      key === 'capacity'
        ? CAPACITY.map((name) => [name, 'null', variableOf(daemon, name)])
        : [[key, REQUIRED.has(key) ? 'required' : String(value), variableOf(daemon, key)]],
    );
    const common = everyDaemon.map(([key = '', byDefault = '']) => [key, byDefault, variableOf(daemon, key)]);
    const own = rowsBelow(document, daemon).map(([key, byDefault, variable]) => [key, byDefault, variable]);
    const byKey = (one: readonly unknown[], other: readonly unknown[]): number => String(one[0]).localeCompare(String(other[0]));
    expect([...common, ...own].toSorted(byKey)).toEqual(expected.toSorted(byKey));
  });
});
