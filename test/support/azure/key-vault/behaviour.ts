/** Where sources disagree about the service, or where it can be set up in several ways. @module */

/** May be changed while the server runs. */
export interface Behaviour {
  /** Whether a disabled version wraps. @default 'refused' */
  wrapOnDisabled: 'refused' | 'allowed';
  /** Whether a disabled version can be read: `allowed` answers with `enabled: false`. @default 'refused' */
  getOfDisabled: 'refused' | 'allowed';
  /** Why a missing permission is missing. @default 'ForbiddenByRbac' */
  denial: 'ForbiddenByRbac' | 'ForbiddenByPolicy' | 'ForbiddenByFirewall';
  /**
   * How a token that was revoked is refused: with the challenge that everybody gets, or with one
   * that makes the client ask for a new token. @default 'challenge'
   */
  revokedToken: 'challenge' | 'claims';
  /** How long a recovered key cannot be used, on the server's clock. @default 0 */
  recoveryWindowMs: number;
}

export const USUAL_BEHAVIOUR: Behaviour = {
  wrapOnDisabled: 'refused',
  getOfDisabled: 'refused',
  denial: 'ForbiddenByRbac',
  revokedToken: 'challenge',
  recoveryWindowMs: 0,
};
