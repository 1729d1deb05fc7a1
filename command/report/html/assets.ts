/** The script and the style of HTML reports, which the build puts beside the command. @module */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const ASSETS_FOLDER = 'dist/command/report-assets';

export interface Assets {
  readonly script: string;
  readonly style: string;
}

/** Read when a report is begun, so that a broken installation is found before anything is done. */
export function readAssets(): Assets {
  const require = createRequire(import.meta.url);
  const root = dirname(require.resolve('@bytelyst/field-encrypt/package.json'));
  const read = (name: string): string =>
    readFileSync(join(root, ASSETS_FOLDER, name), 'utf8').trim();
  return { script: read('chart.js'), style: read('style.css') };
}
