import { createWriteStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

/** The static busybox of the machine; undefined where it is not installed. */
export const BUSYBOX: string | undefined = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path));

const TOOLS = ['sh', 'httpd', 'sleep', 'id', 'cat', 'env'];

/** Writes a root file system of busybox with a page and the given CGI programs. */
export async function writeLayer(archive: string, programs: Readonly<Record<string, string>>): Promise<void> {
  const tar = pack();
  tar.entry({ name: 'bin/busybox', mode: 0o755 }, await readFile(BUSYBOX as string));
  for (const name of TOOLS) tar.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' });
  tar.entry({ name: 'www/index.html' }, 'hello from a container\n');
  for (const [name, text] of Object.entries(programs)) {
    tar.entry({ name: `www/cgi-bin/${name}`, mode: 0o755 }, `#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n${text}\n`);
  }
  for (const name of ['proc', 'dev', 'tmp', 'sys']) tar.entry({ name, type: 'directory' });
  tar.finalize();
  await pipeline(tar, createWriteStream(archive));
}

export const SERVE: readonly string[] = ['/bin/sh', '-c', 'echo serving on $PORT; exec /bin/httpd -f -p 127.0.0.1:$PORT -h /www'];
