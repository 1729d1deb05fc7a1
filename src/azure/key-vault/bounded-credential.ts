/** A credential that answers in time, and whose failures are distinct from those of the vault. @module */
import { withDeadline } from '../../async/abort.js';
import type { AkvSettings } from './akv-options.js';
import type { VaultCredential } from './vault-clients.js';

/** There is no token; `cause` is the credential's own error, which may hold anything. */
export class TokenFailure extends Error {
  override readonly name: string = 'TokenFailure';
}

type GetToken = VaultCredential['getToken'];

/**
 * All calls of a client in the SDK wait for one shared token request. So that request does not end with the
 * call that started it, but has a deadline of its own.
 *
 * @param isOptional - Whether a token without these claims would be sufficient; not every credential accepts claims.
 */
export function boundedCredential(
  { credential, attemptTimeoutMs }: AkvSettings,
  isOptional: (claims: string) => boolean,
): VaultCredential {
  const getToken: GetToken = async (scopes, options) => {
    const ask = async (abortSignal: AbortSignal): ReturnType<GetToken> =>
      credential.getToken(scopes, { ...options, abortSignal });
    try {
      const token = await withDeadline(ask, attemptTimeoutMs);
      if (token) return token;
    } catch (cause) {
      throw new TokenFailure('The credential failed', { cause });
    }
    throw new TokenFailure('The credential returned no token');
  };
  return {
    async getToken(scopes, { claims, ...options } = {}) {
      if (claims === undefined) return getToken(scopes, options);
      try {
        return await getToken(scopes, { ...options, claims });
      } catch (error) {
        if (!isOptional(claims)) throw error;
        return getToken(scopes, options);
      }
    },
  };
}
