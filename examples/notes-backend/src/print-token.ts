/** Prints a token for trying the service: `npm run --silent token -- w1 w2 [--operator]`. @module */
import { parseArgs } from 'node:util';
import { readConfig } from './lib/config.js';
import { readEnvironment } from './lib/environment.js';
import { Tokens } from './lib/tokens.js';

const { values, positionals: workspaces } = parseArgs({
  allowPositionals: true,
  options: {
    user: { type: 'string', default: 'ada' },
    operator: { type: 'boolean', default: false },
  },
});
const tokens = new Tokens(readConfig(readEnvironment(process.env)).tokens);
const roles = values.operator ? ['operator'] : [];
console.log(await tokens.sign({ id: values.user, workspaces, roles }, 3_600));
