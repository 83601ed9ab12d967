import { describe, expect, it } from 'vitest';
import { checkReference } from '../../src/rules/reference.ts';
import { repositoryOf } from '../repository-of.ts';

const files = {
  'packages/stoq/src/errors.ts': "export const e = defineErrors({\n  'stoq.gone': { message: 'x', retryable: false },\n});",
  'packages/stoq/src/store.ts': "metrics.observed({ name: 'stoq_blobs_bytes' }); hashLabelled('stoq/blob-root/1', bytes);",
  'docs/reference/errors.md': '| code | retry |\n| --- | --- |\n| `stoq.gone` | no |\n',
  'docs/operating/monitoring.md': '| `stoq_blobs_bytes` | blobs |\n',
  'docs/design/formats.md': '| `stoq/blob-root/1` | root |\n',
};

describe('reference lists', () => {
  it('accepts lists that name what is defined', () => {
    expect(checkReference(repositoryOf(files))).toEqual([]);
  });

  it('asks nothing where there is no list', () => {
    expect(checkReference(repositoryOf({ 'packages/stoq/src/errors.ts': files['packages/stoq/src/errors.ts'] }))).toEqual([]);
  });

  it.each([
    ['an error code without a row', { 'docs/reference/errors.md': '' }, ['packages/stoq/src/errors.ts:2']],
    ['a metric without a row', { 'docs/operating/monitoring.md': '' }, ['packages/stoq/src/store.ts:1']],
    ['a label without a row', { 'docs/design/formats.md': '' }, ['packages/stoq/src/store.ts:1']],
    ['a row for nothing', { 'packages/stoq/src/errors.ts': '' }, ['docs/reference/errors.md:3']],
    ['a row twice', { 'docs/operating/monitoring.md': '| `stoq_blobs_bytes` | a |\n'.repeat(2) }, ['docs/operating/monitoring.md:2']],
  ])('refuses %s', (_, changed, expected) => {
    const findings = checkReference(repositoryOf({ ...files, ...changed }));
    expect(findings.map(({ file, line }) => `${file}:${line}`)).toEqual(expected);
  });
});
