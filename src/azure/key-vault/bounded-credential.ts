/** A credential that answers in time, and whose failures can be told from those of the vault. @module */
import { withDeadline } from '../../with-deadline.js';
import type { VaultCredential } from './vault-clients.js';

/** There is no token; `cause` is the credential's own error, which may hold anything. */
export class TokenFailure extends Error {
  override readonly name: string = 'TokenFailure';
}

/**
 * The SDK lets all calls of a client wait for one request for a token. So that request does not end
 * with whichever call began it, and does end.
 */
export function boundedCredential(
  credential: VaultCredential,
  { attemptTimeoutMs }: { readonly attemptTimeoutMs: number },
): VaultCredential {
  return {
    async getToken(scopes, options) {
      const ask = async (abortSignal: AbortSignal): ReturnType<VaultCredential['getToken']> =>
        credential.getToken(scopes, { ...options, abortSignal });
      try {
        const token = await withDeadline(ask, attemptTimeoutMs);
        if (token) return token;
      } catch (cause) {
        throw new TokenFailure('The credential failed', { cause });
      }
      throw new TokenFailure('The credential gave no token');
    },
  };
}
