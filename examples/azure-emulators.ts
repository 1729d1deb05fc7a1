/**
 * Key Vault, an identity provider and Cosmos DB on this machine, to try the Azure adapters without an
 * account. Prints what to export, and runs until it is interrupted; or runs a command with all that
 * in its environment, until the command ends.
 */
import { argv } from 'node:process';
import { parseArgs } from 'node:util';
import { AzureEmulators, type Variables } from './azure/emulators.js';
import { firstSignal } from './azure/first-signal.js';
import { runCommand } from './azure/run-command.js';

const command = readArguments();
const interrupted = firstSignal();
const emulators = await AzureEmulators.start();
try {
  if (command.length > 0) {
    process.exitCode = await runCommand(command, emulators.variables(), interrupted);
  } else {
    printExports(emulators.variables());
    await interrupted;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await emulators.stop();
}

/** Options before the command are ours, and there is none. */
function readArguments(): readonly string[] {
  const given = argv.slice(2);
  const begin = given.findIndex((each) => !each.startsWith('-'));
  const own = begin === -1 ? given : given.slice(0, begin);
  try {
    parseArgs({ args: own });
    return given.slice(own.length);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.error('Usage: npm run azure:emulators [-- <command> [<argument>…]]');
    process.exit(2);
  }
}

/** All of it can be pasted into a shell, or read from a file by one. */
function printExports(variables: Variables): void {
  console.log('# Key Vault and Cosmos DB on this machine, empty, until Ctrl-C. In another shell:');
  for (const [name, value] of Object.entries(variables)) {
    console.log(`export ${name}='${value.replaceAll("'", String.raw`'\''`)}'`);
  }
  console.log('# Then: npx tsx examples/azure-note.ts');
}
