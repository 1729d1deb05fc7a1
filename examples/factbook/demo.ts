/**
 * Encrypts the World Factbook where it is stored in clear, rotates the master key while another process
 * reads and writes, and gives one workspace fresh keys.
 */
import { parseArgs } from 'node:util';
import { perform } from './perform.js';
import { SqliteSetting } from './sqlite-setting.js';

const { azure, json } = readArguments();
if (azure) {
  // Loaded here alone, so that other settings do not wait for its packages.
  const { performOnAzure } = await import('./perform-on-azure.js');
  await performOnAzure(process.argv.slice(2));
} else {
  await perform({ isJson: json, makeSetting: (folder) => new SqliteSetting(folder) });
}

function readArguments(): { readonly azure: boolean; readonly json: boolean } {
  try {
    const flag = { type: 'boolean', default: false } as const;
    return parseArgs({ options: { azure: flag, json: flag } }).values;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.error('Usage: npm run demo [-- [--azure] [--json]]');
    process.exit(2);
  }
}
