import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { afterAll, describe, expect, it } from 'vitest';
import { seededKeyPair } from '@hypermesh/stoq';
import {
  FAMILY_IPV4,
  loadQuicBinding,
  type NativeConnection,
  type NativeStream,
  type QuinnOptions,
} from '../../../src/carrier/quic/binding.ts';
import { failureOf } from '../compliance.ts';

// The binding promises nothing to others: what the carrier builds on is held here, and a new version has to pass it.
const PINNED_VERSION = '2.1.4';

const seed = randomBytes(32);
const options: QuinnOptions = {
  privateKeyProto: Uint8Array.from([0x08, 0x01, 0x12, 0x40, ...seed, ...seededKeyPair('ed25519', seed).publicKey.bytes]),
  handshakeTimeout: 1_000,
  maxIdleTimeout: 400,
  keepAliveInterval: 100,
  maxConcurrentStreamLimit: 16,
  maxStreamData: 64 * 1024,
  maxConnectionData: 1024 * 1024,
  receiveBufferSize: 1024 * 1024,
  sendBufferSize: 1024 * 1024,
  shutdownTimeout: 500,
};

describe('the quinn binding', () => {
  const binding = loadQuicBinding();
  const config = new binding.QuinnConfig(options);
  const server = new binding.Server(config, '127.0.0.1', 0);
  const client = new binding.Client(config, FAMILY_IPV4);
  afterAll(async () => {
    client.abort();
    await server.abort();
  });

  const connected = async (): Promise<[NativeConnection, NativeConnection]> => {
    const accepting = server.inboundConnection();
    return [await client.outboundConnection('127.0.0.1', server.port()), await accepting];
  };
  const streams = async (): Promise<[NativeStream, NativeStream, NativeConnection, NativeConnection]> => {
    const [ours, theirs] = await connected();
    const accepting = theirs.inboundStream();
    const stream = await ours.outboundStream();
    await stream.write(Uint8Array.of(1));
    const other = await accepting;
    await other.read(1);
    return [stream, other, ours, theirs];
  };

  it('is of the pinned version on every platform', async () => {
    const manifest = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as Record<string, object>;
    const catalog = await readFile(new URL('../../../../../pnpm-workspace.yaml', import.meta.url), 'utf8');
    for (const name of Object.keys(manifest['optionalDependencies'] ?? {})) expect(catalog).toContain(`'${name}': ${PINNED_VERSION}\n`);
    const [name] = Object.keys(manifest['optionalDependencies'] ?? {}).filter((one) => one.includes(`${process.platform}-${process.arch}`));
    const installed = createRequire(import.meta.url)(`${name}/package.json`) as { version: string };
    expect(installed.version).toBe(PINNED_VERSION);
  });

  it('is loaded for the platforms it is built for and no other', () => {
    expect(() => loadQuicBinding('plan9-mips')).toThrow(expect.objectContaining({ code: 'stoq.carrier_unavailable' }));
    const elsewhere = process.platform === 'darwin' ? 'linux-x64' : 'darwin-arm64';
    expect(() => loadQuicBinding(elsewhere)).toThrow(expect.objectContaining({ code: 'stoq.carrier_unavailable' }));
  });

  it.each(Object.keys(options))('asks for the option %s', (name) => {
    const { [name as keyof QuinnOptions]: _left, ...others } = options;
    expect(() => new binding.QuinnConfig(others as QuinnOptions)).toThrow(`Missing field \`${name}\``);
  });

  it('has the classes and methods that the adapter calls', async () => {
    const methodsOf = (value: object): string[] => Object.getOwnPropertyNames(Object.getPrototypeOf(value));
    const [stream, , ours] = await streams();
    expect(methodsOf(server)).toEqual(expect.arrayContaining(['inboundConnection', 'port', 'abort']));
    expect(methodsOf(client)).toEqual(expect.arrayContaining(['outboundConnection', 'abort']));
    expect(methodsOf(ours)).toEqual(expect.arrayContaining(['inboundStream', 'outboundStream', 'remoteMultiaddr', 'closed', 'abort']));
    expect(methodsOf(stream)).toEqual(expect.arrayContaining(['read', 'write', 'finishWrite', 'resetWrite', 'stopRead']));
  });

  it('shows the remote end as a multiaddress with its peer id', async () => {
    const [ours] = await connected();
    expect(ours.remoteMultiaddr()).toMatch(
      new RegExp(`^/ip4/127\\.0\\.0\\.1/udp/${server.port()}/quic-v1/p2p/12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$`),
    );
  });

  it('answers null for the end, and also after a read that failed', async () => {
    const [ours, theirs] = await streams();
    await ours.resetWrite();
    await expect(theirs.read(1)).rejects.toThrow('stream reset by peer: error 0');
    expect(await theirs.read(1)).toBeNull();
    await theirs.finishWrite();
    expect(await ours.read(1)).toBeNull();
  });

  it('finishes twice in silence and writes nothing afterwards', async () => {
    const [ours] = await streams();
    await ours.finishWrite();
    await ours.finishWrite();
    await expect(ours.write(Uint8Array.of(1))).rejects.toThrow('closed stream');
  });

  it('resolves `closed` for both ends whoever ends the connection', async () => {
    const [ours, theirs] = await connected();
    theirs.abort();
    expect(await Promise.all([ours.closed(), theirs.closed()])).toHaveLength(2);
  });

  it('says its failures in the texts that are mapped', async () => {
    const [stream, other, ours, theirs] = await streams();
    await stream.stopRead();
    await expect(
      (async () => {
        for (;;) await other.write(new Uint8Array(1024));
      })(),
    ).rejects.toThrow('sending stopped by peer: error 0');
    const lost = failureOf(other.read(1));
    ours.abort();
    expect(await lost).toMatchObject({ message: 'connection lost' });
    await expect(ours.outboundStream()).rejects.toThrow(/^closed$/);
    await theirs.closed();
    await expect(theirs.inboundStream()).rejects.toThrow(/^closed by peer: 0$/);
    await expect(client.outboundConnection('localhost', 1)).rejects.toThrow('invalid IP address syntax');
    await expect(client.outboundConnection('127.0.0.1', 0)).rejects.toThrow('invalid remote address: 127.0.0.1:0');
    await expect(client.outboundConnection('127.0.0.1', 9)).rejects.toThrow(/^timed out$/);
    expect(() => new binding.Server(config, '127.0.0.1', server.port())).toThrow(/\(os error 98\)$/);
    expect(() => new binding.Server(config, '127.0.0.1', 65_536)).toThrow('Failed to convert u32 to u16');
    const last = new binding.Server(config, '127.0.0.1', 0);
    const ended = failureOf(last.inboundConnection());
    await last.abort();
    expect(await ended).toMatchObject({ message: 'server closed' });
  });
});
