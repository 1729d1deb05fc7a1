/** Azure's own host names, served from loopback. @module */
import { Agent } from 'node:https';
import type { KeyClientOptions } from '@azure/keyvault-keys';

type AdditionalPolicy = NonNullable<KeyClientOptions['additionalPolicies']>[number];

/**
 * For `additionalPolicies` of clients that address `vaultHostUrl`: they can verify the challenge's
 * resource, as they do in production.
 */
export function vaultHostPolicy({ ca }: { readonly ca: string }): AdditionalPolicy {
  const agent = new Agent({
    ca,
    keepAlive: true,
    lookup: (_host, { all }, found) => {
      if (all) found(null, [{ address: '127.0.0.1', family: 4 }]);
      else found(null, '127.0.0.1', 4);
    },
  });
  return {
    position: 'perRetry',
    policy: {
      name: 'vaultHostPolicy',
      sendRequest: (request, next) => {
        request.agent = agent;
        return next(request);
      },
    },
  };
}
