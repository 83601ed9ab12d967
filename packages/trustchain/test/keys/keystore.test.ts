import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCrypto, type Crypto, systemEntropy } from '@hypermesh/stoq';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createKeystore, type Keystore, loadSigningPair, openKeystore, readPassphrase } from '../../src/keys/keystore.ts';
import { createKeys, type Keys } from '../fixtures.ts';

const components = { entropy: systemEntropy, now: () => 1_700_000_000_000 };
const code = (name: string) => expect.objectContaining({ code: `trustchain.${name}` });
const passphrase = (text = 'correct horse') => new TextEncoder().encode(text);

let crypto: Crypto;
let keys: Keys;
let folder: string;
let path: string;

beforeAll(async () => {
  crypto = await createCrypto();
  keys = await createKeys(crypto);
});
afterAll(() => crypto.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keystore-'));
  path = join(folder, 'keys');
  return () => rm(folder, { recursive: true });
});

describe('a keystore', () => {
  test('keeps keys over a restart, by name and generation', async () => {
    const created = await createKeystore(path, passphrase(), components);
    expect(await created.put('identity/falcon', keys.postQuantum)).toBe(1);
    expect(await created.put('identity/ed25519', keys.classical)).toBe(1);
    expect(await created.put('kem', keys.kem)).toBe(1);
    const second = await crypto.generateKeyPair('ml-kem-1024');
    expect(await created.put('kem', second)).toBe(2);
    created.close();

    const opened = await openKeystore(path, passphrase(), components);
    expect(opened.names()).toEqual(['identity/falcon', 'identity/ed25519', 'kem']);
    expect(opened.get('kem')).toEqual(second);
    expect(opened.get('kem', 1)).toEqual(keys.kem);
    expect(opened.generationOf('kem')).toBe(2);
    expect(opened.generationOf('none')).toBe(0);
    const pair = loadSigningPair(opened, { classical: 'identity/ed25519', postQuantum: 'identity/falcon' }, crypto);
    const message = Uint8Array.of(1, 2, 3);
    expect(crypto.verify(keys.publicKey.postQuantum, message, await pair.postQuantum.sign(message))).toBe(true);
    expect(() => loadSigningPair(opened, { classical: 'identity/falcon', postQuantum: 'kem' }, crypto)).toThrow(code('key_unknown'));

    await opened.prune('kem');
    expect(() => opened.get('kem', 1)).toThrow(code('key_unknown'));
    expect(await opened.put('kem', keys.kem)).toBe(3);
    opened.close();
    expect(() => opened.get('kem')).toThrow(code('keystore_closed'));
    await expect(opened.put('kem', keys.kem)).rejects.toThrow(code('keystore_closed'));
  });

  test('is one file of mode 0600 in which no secret can be read', async () => {
    const keystore = await createKeystore(path, passphrase(), components);
    await Promise.all([keystore.put('a', keys.classical), keystore.put('b', keys.postQuantum)]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['keys']);
    const file = await readFile(path);
    for (const secret of [keys.classical, keys.postQuantum])
      expect(file.includes(Buffer.from(secret.secretKey.bytes.subarray(0, 16)))).toBe(false);
    const copy = keystore.get('a');
    copy.secretKey.bytes.fill(0);
    expect(keystore.get('a')).toEqual(keys.classical);
  });

  test('wipes the passphrase and its own keys', async () => {
    const secret = passphrase();
    const keystore = await createKeystore(path, secret, components);
    expect(secret.every((byte) => byte === 0)).toBe(true);
    keystore.close();
    const again = passphrase('wrong');
    await expect(openKeystore(path, again, components)).rejects.toThrow(code('keystore_locked'));
    expect(again.every((byte) => byte === 0)).toBe(true);
  });

  test('is never overwritten by creation and never created by opening', async () => {
    (await createKeystore(path, passphrase(), components)).close();
    const before = await readFile(path);
    await expect(createKeystore(path, passphrase(), components)).rejects.toThrow(code('keystore_exists'));
    expect(await readFile(path)).toEqual(before);
    await expect(openKeystore(join(folder, 'none'), passphrase(), components)).rejects.toThrow(code('keystore_missing'));
    expect(await readdir(folder)).toEqual(['keys']);
  });

  test('readable by others is refused', async () => {
    (await createKeystore(path, passphrase(), components)).close();
    await chmod(path, 0o640);
    await expect(openKeystore(path, passphrase(), components)).rejects.toThrow(code('keystore_exposed'));
  });

  test('tells damage from a wrong passphrase', async () => {
    const keystore = await createKeystore(path, passphrase(), components);
    await keystore.put('a', keys.kem);
    keystore.close();
    const good = await readFile(path);
    const damaged = async (bytes: Uint8Array): Promise<void> => {
      await writeFile(path, bytes);
      await expect(openKeystore(path, passphrase(), components)).rejects.toThrow(code('keystore_corrupt'));
    };
    for (let at = 0; at < good.length; at += 13) {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] as number) ^ 0x40;
      await damaged(changed);
    }
    await damaged(good.subarray(0, -1));
    await damaged(Buffer.concat([good, Buffer.of(0)]));
    await damaged(Buffer.alloc(0));
    await damaged(Buffer.alloc(2 * 1024 * 1024 + 1));
    await writeFile(path, good);
    (await openKeystore(path, passphrase(), components)).close();
  });

  test('stores only whole key pairs under plain names', async () => {
    const keystore = await createKeystore(path, passphrase(), components);
    const halves = { publicKey: keys.classical.publicKey, secretKey: keys.kem.secretKey };
    for (const [name, pair] of [
      ['../x', keys.kem],
      ['', keys.kem],
      ['Upper', keys.kem],
      ['a', halves],
    ] as const) {
      await expect(keystore.put(name, pair)).rejects.toThrow(code('config_invalid'));
    }
    expect(keystore.names()).toEqual([]);
  });

  test('a failed write changes nothing', async () => {
    const keystore: Keystore = await createKeystore(path, passphrase(), components);
    await keystore.put('a', keys.kem);
    await rm(folder, { recursive: true });
    await expect(keystore.put('a', keys.kem)).rejects.toThrow(/ENOENT/);
    expect(keystore.generationOf('a')).toBe(1);
    folder = await mkdtemp(join(tmpdir(), 'keystore-'));
  });
});

describe('a passphrase file', () => {
  test('is read without its final line feed', async () => {
    await writeFile(path, 'two words\n', { mode: 0o600 });
    expect(await readPassphrase(path)).toEqual(passphrase('two words'));
  });

  test.each([
    ['empty', '\n', 0o600, 'keystore_locked'],
    ['readable by all', 'x', 0o644, 'keystore_exposed'],
    ['no passphrase at all', 'x'.repeat(1025), 0o600, 'keystore_corrupt'],
  ])('%s is refused', async (_, text, mode, expected) => {
    await writeFile(path, text, { mode });
    await expect(readPassphrase(path)).rejects.toThrow(code(expected));
  });
});
