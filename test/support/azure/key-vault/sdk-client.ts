/** The real client as the server's own tests use it. @module */
import { KeyClient, type CryptographyClient, type KeyClientOptions } from '@azure/keyvault-keys';
import { rejection } from '../../failure.js';
import type { KeyVaultServer } from '../key-vault-server.js';

type AdditionalPolicy = NonNullable<KeyClientOptions['additionalPolicies']>[number];
type PipelineRequest = Parameters<AdditionalPolicy['policy']['sendRequest']>[0];

/** Asks once and does not try again. */
export function sdkClient(server: KeyVaultServer, options: KeyClientOptions = {}): KeyClient {
  return new KeyClient(server.url, server.credential(), {
    ...server.clientOptions(),
    retryOptions: { maxRetries: 0 },
    ...options,
  });
}

/** Knows nothing of the key, and leaves all judgement to the server. */
export function sdkCipher(
  client: KeyClient,
  name: string,
  keyVersion?: string,
): CryptographyClient {
  return client.getCryptographyClient(name, keyVersion === undefined ? {} : { keyVersion });
}

/** Changes what the client sends, each time that it sends it. */
export function changingRequests(change: (request: PipelineRequest) => void): AdditionalPolicy {
  return {
    position: 'perRetry',
    policy: {
      name: 'changingRequests',
      sendRequest: (request, next) => {
        change(request);
        return next(request);
      },
    },
  };
}

/** Shows what the client hears, and what it may keep to itself. */
export function readingAnswers(read: (text: string) => void): AdditionalPolicy {
  return {
    position: 'perRetry',
    policy: {
      name: 'readingAnswers',
      sendRequest: async (request, next) => {
        const response = await next(request);
        read(response.bodyAsText ?? '');
        return response;
      },
    },
  };
}

/** A refusal as the client's caller sees it: status, code, inner code. */
export async function surfaced(work: Promise<unknown>): Promise<readonly unknown[]> {
  const { statusCode, code, details } = (await rejection(work)) as {
    readonly statusCode?: number;
    readonly code?: string;
    readonly details?: { readonly error?: { readonly innerError?: { readonly code?: string } } };
  };
  const inner = details?.error?.innerError?.code;
  return inner === undefined ? [statusCode, code] : [statusCode, code, inner];
}
