/** Prints the id of the newest version of a key, as a process with only its environment reads it. @module */
import { DefaultAzureCredential } from '@azure/identity';
import { KeyClient } from '@azure/keyvault-keys';

const client = new KeyClient(process.env.AZURE_KEYVAULT_URL, new DefaultAzureCredential());
const { id } = await client.getKey(process.argv[2]);
console.log(id);
