import { hashLabelled } from '@hypermesh/stoq';
import { encodeManifest, type Manifest, type PackageFile } from './manifest.ts';

/**
 * The identity of a package, 32 bytes: root of a binary Merkle tree over the manifest without its files and then each
 * file in path order. A lone node of a level moves up unchanged, as in RFC 6962, section 2.1.
 */
export function packageRoot(manifest: Manifest): Uint8Array {
  const head = hashLabelled('catalog/manifest/1', encodeManifest({ ...manifest, files: [] }));
  let level = [head, ...manifest.files.map(fileLeaf)];
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] as Uint8Array;
      const right = level[i + 1];
      next.push(right === undefined ? left : hashLabelled('catalog/node/1', Buffer.concat([left, right])));
    }
    level = next;
  }
  // The count is part of the root, so that no inner node passes for a package.
  const count = Buffer.alloc(4);
  count.writeUInt32BE(manifest.files.length);
  return hashLabelled('catalog/root/1', Buffer.concat([count, level[0] as Uint8Array]));
}

function fileLeaf(file: PackageFile): Uint8Array {
  const fields = [file.path, String(file.size), file.sha256, file.blob].join('\n');
  return hashLabelled('catalog/file/1', new TextEncoder().encode(fields));
}
