/**
 * A stand-in for the Azure CLI. `az keyvault key …` calls the vault of the environment by its REST protocol, as the
 * real one does. Verbs of services for which there is no server print an answer of the documented form: az/recorded.ts.
 */
import { parseArguments } from './az/arguments.js';
import { AzError } from './az/az-error.js';
import { keyCommands } from './az/keys.js';
import { printed } from './az/output.js';
import { accessCommands } from './az/recorded-access.js';
import { recordedCommands } from './az/recorded.js';
import { secretCommands } from './az/secrets.js';

const commands = { ...keyCommands, ...secretCommands, ...recordedCommands, ...accessCommands };

try {
  const given = parseArguments(process.argv.slice(2));
  const command = commands[given.command];
  if (!command) {
    throw new AzError(`'${given.command}' is misspelled or not recognized by the system.`, 2);
  }
  process.stdout.write(printed(await command(given), given));
} catch (error) {
  if (!(error instanceof AzError)) throw error;
  process.stderr.write(`ERROR: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
