import { deployExample, publishExample } from '@hypermesh/devnet';
import type { TestBed } from '../mesh/test-bed.ts';
import { type GuestApp, withGuestFolder } from './package.ts';

/** Publishes and deploys a guest of this package; resolves when all its replicas answer. */
export async function deployGuest({ user, signal }: TestBed, app: GuestApp): Promise<void> {
  await withGuestFolder(app, async (folder) => {
    await publishExample(user, folder, signal);
    await deployExample(user, folder, signal);
  });
}
