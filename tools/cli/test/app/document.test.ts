import { describe, expect, test } from 'vitest';
import { documentOfFile, documentOfPackage, namesFile, parseReference } from '../../src/app/document.ts';

const HELLO = { name: 'hello', version: '1.0.0' };
const FILE = `apiVersion: hypermesh/v1
kind: App
name: greeter
package: hello@1.0.0
replicas: 2
resources: { cpuMillis: 250, memory: 32MiB }
env: { LANG: eo, TONE: kind }
`;

describe('the specification of a package', () => {
  test('has the defaults of a document', () => {
    expect(documentOfPackage(HELLO, {})).toMatchObject({
      name: 'hello',
      package: HELLO,
      replicas: 1,
      exclusive: false,
      onPartition: 'keep',
    });
  });

  test('takes what the command line says', () => {
    const options = {
      name: 'greeter',
      replicas: 1,
      memory: '32MiB',
      cpu: 500,
      env: [
        { name: 'B', value: '2=2' },
        { name: 'A', value: '' },
      ],
      arg: ['--loud'],
      exclusive: true,
    };
    expect(documentOfPackage(HELLO, options)).toMatchObject({
      name: 'greeter',
      replicas: 1,
      resources: { cpuMillis: 500, memoryBytes: 32 * 2 ** 20 },
      env: [
        { name: 'A', value: '' },
        { name: 'B', value: '2=2' },
      ],
      args: ['--loud'],
      exclusive: true,
      onPartition: 'stop',
    });
  });

  test.each([
    { options: { memory: '32 lots' }, key: 'resources.memory' },
    { options: { memory: '1KiB' }, key: 'memoryBytes' },
    { options: { name: 'Not A Label' }, key: 'name' },
    { options: { env: [{ name: '1A', value: '' }] }, key: 'env' },
    { options: { exclusive: true, replicas: 2 }, key: 'replicas' },
  ])('$options is refused by its key', ({ options, key }) => {
    expect(() => documentOfPackage(HELLO, options)).toThrow(key);
  });
});

describe('the specification of a file', () => {
  test('stands as it is written', () => {
    expect(documentOfFile(FILE, 'app.yaml', {})).toMatchObject({ name: 'greeter', replicas: 2, resources: { cpuMillis: 250 } });
  });

  test('is changed by the command line and nothing else', () => {
    const document = documentOfFile(FILE, 'app.yaml', { replicas: 5, memory: '64MiB', env: [{ name: 'TONE', value: 'dry' }] });
    expect(document).toMatchObject({
      name: 'greeter',
      replicas: 5,
      resources: { cpuMillis: 250, memoryBytes: 64 * 2 ** 20 },
      env: [
        { name: 'LANG', value: 'eo' },
        { name: 'TONE', value: 'dry' },
      ],
    });
  });

  test('is refused with its file and key before anything is changed', () => {
    expect(() => documentOfFile(`${FILE}replica: 3\n`, 'app.yaml', { replicas: 1 })).toThrow(/app\.yaml.*replica/u);
  });
});

describe('what deploy is given', () => {
  test.each([
    { what: 'hello', file: false },
    { what: 'hello@1.0.0', file: false },
    { what: './app.yaml', file: true },
    { what: 'APP.yml', file: true },
  ])('$what', ({ what, file }) => {
    expect(namesFile(what)).toBe(file);
  });

  test('a reference has a name and perhaps a version', () => {
    expect(parseReference('hello')).toEqual({ name: 'hello', version: '' });
    expect(parseReference('hello@1.0.0-rc.1')).toEqual({ name: 'hello', version: '1.0.0-rc.1' });
    for (const wrong of ['', '@1', 'hello@', 'a@1@2']) expect(() => parseReference(wrong)).toThrow('NAME');
  });
});
