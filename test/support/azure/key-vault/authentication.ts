/** Who may speak to the Key Vault test server at all. @module */
import type { IdentityProvider } from '../identity-provider.js';
import { RevokedToken } from '../identity-tokens.js';
import type { Behaviour } from './behaviour.js';
import { Refusal } from './refusal.js';

export const VAULT_RESOURCE = 'https://vault.azure.net';

export class Unauthorized extends Refusal {
  readonly challenge: string;

  constructor(challenge: string) {
    const message = 'AKV10000: The request needs a token that is good for this vault.';
    super({ status: 401, code: 'Unauthorized', message });
    this.challenge = challenge;
  }
}

/** Throws the challenge unless the header carries a good token. */
export async function authenticate(
  authorization: string | undefined,
  identityProvider: IdentityProvider,
  behaviour: Behaviour,
): Promise<void> {
  const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) throw new Unauthorized(challengeOf(identityProvider));
  try {
    await identityProvider.verify(token, VAULT_RESOURCE);
  } catch (error) {
    const asksForClaims = error instanceof RevokedToken && behaviour.revokedToken === 'claims';
    throw new Unauthorized((asksForClaims ? claimsChallengeOf : challengeOf)(identityProvider));
  }
}

function challengeOf({ url, tenantId }: IdentityProvider): string {
  return `Bearer authorization="${url}/${tenantId}", resource="${VAULT_RESOURCE}"`;
}

/** Makes the client drop the token that it has. */
function claimsChallengeOf({ url }: IdentityProvider): string {
  const wanted = { access_token: { nbf: { essential: true, value: String(Date.now()) } } };
  const claims = btoa(JSON.stringify(wanted));
  return `Bearer realm="", authorization_uri="${url}/common/oauth2/authorize", error="insufficient_claims", claims="${claims}"`;
}
