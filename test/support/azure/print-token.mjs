/** Prints what the environment alone gives a process: a token, or how it failed. @module */
import { DefaultAzureCredential, EnvironmentCredential } from '@azure/identity';

const credentials = { DefaultAzureCredential, EnvironmentCredential };
const Credential = credentials[process.argv[2]];
const { token } = await new Credential().getToken('https://vault.azure.net/.default');
console.log(token);
