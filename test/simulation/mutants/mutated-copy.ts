import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Library } from '../library.js';
import type { Patch } from './mutants.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** Loads a copy of `src` with the patches applied to it. Runs under `tsx`, which compiles it. */
export async function withMutatedCopy<T>(
  patches: readonly Patch[],
  use: (library: Library) => Promise<T>,
): Promise<T> {
  const copy = mkdtempSync(join(tmpdir(), 'field-encrypt-mutant-'));
  try {
    cpSync(join(ROOT, 'src'), join(copy, 'src'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    for (const patch of patches) apply(patch, copy);
    const index = pathToFileURL(join(copy, 'src', 'index.ts')).href;
    return await use((await import(index)) as Library);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** @throws Error where the text does not stand there just once: the patch is out of date. */
export function patched({ file, from, to }: Patch, root = ROOT): string {
  const text = readFileSync(join(root, 'src', file), 'utf8');
  const places = text.split(from).length - 1;
  if (places !== 1) {
    throw new Error(`The patch does not apply: src/${file} has ${String(places)} times\n${from}`);
  }
  return text.replace(from, () => to);
}

function apply(patch: Patch, copy: string): void {
  writeFileSync(join(copy, 'src', patch.file), patched(patch, copy));
}
