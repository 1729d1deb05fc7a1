/** Puts the programs that stand for those of the cloud into a folder for PATH. @module */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const SOURCES = join(import.meta.dirname, 'stand-ins');

export const STAND_INS = ['az', 'kubectl'] as const;

/**
 * `az` needs `E2E_VAULTS`, with `name=address` of each vault, and the variables by which the backend signs in;
 * `kubectl` needs `E2E_CLUSTER`, the address of a Cluster.
 */
export function installStandIns(folder: string, names: readonly string[] = STAND_INS): void {
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const program = join(folder, `${name}.mjs`);
    buildSync({
      entryPoints: [join(SOURCES, `${name}.ts`)],
      outfile: program,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      logLevel: 'error',
    });
    writeFileSync(join(folder, name), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
    chmodSync(join(folder, name), 0o755);
  }
}
