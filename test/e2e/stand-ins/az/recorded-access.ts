/** Who may use a vault, vaults that were deleted, and events: answers of the documented form, without a server. @module */
import { required } from './arguments.js';
import type { AzCommand } from './keys.js';

const PRINCIPAL = '11111111-2222-3333-4444-555555555555';
const USER = 'Key Vault Crypto Service Encryption User';

function assignment(scope: string, roleDefinitionName: string, principalId: string) {
  return {
    id: `${scope}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-000000000001`,
    principalId,
    principalType: 'ServicePrincipal',
    roleDefinitionName,
    scope,
    type: 'Microsoft.Authorization/roleAssignments',
  };
}

export const accessCommands: Readonly<Record<string, AzCommand>> = {
  'role assignment list': (given) =>
    Promise.resolve([assignment(required(given, '--scope'), USER, PRINCIPAL)]),
  'role assignment create': (given) =>
    Promise.resolve(
      assignment(
        required(given, '--scope'),
        required(given, '--role'),
        required(given, '--assignee-object-id'),
      ),
    ),
  'keyvault recover': (given) =>
    Promise.resolve({
      name: required(given, '--name'),
      properties: { provisioningState: 'Succeeded' },
      type: 'Microsoft.KeyVault/vaults',
    }),
  'eventgrid event-subscription create': (given) =>
    Promise.resolve({
      name: required(given, '--name'),
      provisioningState: 'Succeeded',
      topic: required(given, '--source-resource-id'),
      type: 'Microsoft.EventGrid/eventSubscriptions',
    }),
};
