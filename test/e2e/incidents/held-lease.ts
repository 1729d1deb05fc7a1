/** A migration of documents that another process runs. @module */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { StoryWorld } from '../story-world.js';

const HOLDER = join(import.meta.dirname, 'lease-holder.ts');

export async function heldLease({ env }: StoryWorld): Promise<void> {
  const holder = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), HOLDER], {
    env: { ...env, PATH: process.env['PATH'] },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  holder.stdout.resume();
  // It ends with this process at the latest.
  holder.unref();
  for (const pipe of [holder.stdin, holder.stdout]) {
    (pipe as unknown as { readonly unref: () => void }).unref();
  }
}
