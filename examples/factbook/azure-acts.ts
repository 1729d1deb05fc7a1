/** The demo on Azure, in a process whose environment has the emulators: see `performOnAzure`. */
import { argv } from 'node:process';
import { AzureSetting } from './azure-setting.js';
import { perform } from './perform.js';

// It rotates a key and writes notes: never in a vault and an account of another application.
if (!process.connected) {
  console.error('Run it by: npm run demo -- --azure');
  process.exit(2);
}

/** The process that runs the emulators has ended, or asks for the end. */
function leave(): void {
  process.exit(1);
}

process.once('disconnect', leave);
await perform({
  isJson: argv.includes('--json'),
  makeSetting: (folder, say) => new AzureSetting(folder, say),
});
process.off('disconnect', leave);
