/** Verbs for which there is no server: answers of the documented form, whatever is asked for. @module */
import { required } from './arguments.js';
import type { AzCommand } from './keys.js';

const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-000000000000';

export const recordedCommands: Readonly<Record<string, AzCommand>> = {
  'keyvault show': (given) => {
    const name = required(given, '--name');
    return Promise.resolve({
      id: `${SUBSCRIPTION}/resourceGroups/notelett/providers/Microsoft.KeyVault/vaults/${name}`,
      location: 'europe',
      name,
      properties: {
        enablePurgeProtection: true,
        enableRbacAuthorization: true,
        enableSoftDelete: true,
        sku: { family: 'A', name: 'premium' },
        softDeleteRetentionInDays: 90,
        vaultUri: `https://${name}.vault.azure.net/`,
      },
      resourceGroup: 'notelett',
      type: 'Microsoft.KeyVault/vaults',
    });
  },
  'role assignment list': (given) =>
    Promise.resolve([
      {
        principalId: '11111111-2222-3333-4444-555555555555',
        principalType: 'ServicePrincipal',
        roleDefinitionName: 'Key Vault Crypto Service Encryption User',
        scope: required(given, '--scope'),
      },
    ]),
  'identity federated-credential list': (given) =>
    Promise.resolve([
      {
        audiences: ['api://AzureADTokenExchange'],
        issuer: 'https://token.actions.githubusercontent.com',
        name: 'production',
        resourceGroup: required(given, '--resource-group'),
        subject: 'repo:bytelyst/notelett:environment:production',
        type: 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials',
      },
    ]),
  // The server accepts any key.
  'cosmosdb keys list': (given) => {
    const name = required(given, '--name');
    const secondaryMasterKey = Buffer.from(`the secondary key of ${name}`).toString('base64');
    return Promise.resolve({ primaryMasterKey: process.env['COSMOS_KEY'], secondaryMasterKey });
  },
  'cosmosdb keys regenerate': (given) => {
    required(given, '--key-kind');
    return Promise.resolve(undefined);
  },
  /** The account of a drill is where `E2E_ACCOUNTS` says. */
  'cosmosdb restore': (given) => {
    for (const name of ['--account-name', '--restore-timestamp', '--location'])
      required(given, name);
    return Promise.resolve({ name: required(given, '--target-database-account-name') });
  },
  'cosmosdb show': (given) => {
    const name = required(given, '--name');
    const accounts = (process.env['E2E_ACCOUNTS'] ?? '').split(' ');
    const found = accounts.find((account) => account.startsWith(`${name}=`));
    return Promise.resolve({
      documentEndpoint: found?.slice(name.length + 1),
      name,
      provisioningState: 'Succeeded',
    });
  },
  'cosmosdb delete': (given) => {
    required(given, '--name');
    return Promise.resolve(undefined);
  },
};
