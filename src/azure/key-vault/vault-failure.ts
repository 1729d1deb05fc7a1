/** What a failed call on a key vault means, and what the operator should do. @module */
import { KeyProviderError, type KeyProviderErrorCode } from '../../errors/errors.js';
import { answerIn, cleanCause, type VaultAnswer, type VaultResponse } from './vault-answer.js';

/** The call that failed, for the message. */
export interface VaultCall {
  readonly operation: 'get' | 'unwrapKey' | 'wrapKey';
  readonly vaultUrl: string;
  readonly mekName: string;
  /** Absent where the newest version was requested. */
  readonly mekVersion: string | undefined;
  readonly attemptTimeoutMs: number;
}

interface Verdict {
  readonly code: KeyProviderErrorCode;
  readonly problem: string;
  readonly retryable?: boolean;
  readonly lacksPermission?: boolean;
}

const permissionFailures = new WeakSet<object>();

/** @param arrived - The vault's answer, if any. */
export function vaultFailure(
  error: unknown,
  call: VaultCall,
  arrived?: VaultResponse,
): KeyProviderError {
  const answer = answerIn(error, arrived);
  const { code, problem, retryable = false, lacksPermission = false } = verdictOf(answer, call);
  const { retryAfterMs } = answer;
  const failure = new KeyProviderError(code, `${describeCall(call)} ${problem}`, {
    cause: cleanCause(error, answer),
    retryable,
    ...(retryable && retryAfterMs !== undefined && { retryAfterMs }),
  });
  if (lacksPermission) permissionFailures.add(failure);
  return failure;
}

/** Whether the vault authenticated the caller, and denies the operation. */
export function isPermissionFailure(error: unknown): error is KeyProviderError {
  return error instanceof KeyProviderError && permissionFailures.has(error);
}

/** For messages: the operation and the key. */
function describeCall({ operation, vaultUrl, mekName, mekVersion }: VaultCall): string {
  const key = `${vaultUrl}/keys/${mekName}${mekVersion === undefined ? '' : `/${mekVersion}`}`;
  return `${operation} on ${key}`;
}

function verdictOf(answer: VaultAnswer, call: VaultCall): Verdict {
  if (answer.status === undefined) return verdictWithoutAnswer(answer, call);
  const { status } = answer;
  if (status === 400) return verdictOfBadRequest(call);
  if (status === 403) return verdictOfRefusal(answer, call);
  if (status === 404) return missing(call);
  if (status === 409) return verdictOfConflict(answer, call);
  if (status === 429) {
    return {
      code: 'KEY_PROVIDER_THROTTLED',
      problem: 'was throttled: lower the concurrency, or spread the load over time',
      retryable: true,
    };
  }
  if (status === 401) {
    return denied('was refused: the vault does not accept the token; check tenant and credential');
  }
  if (status === 408 || status >= 500) {
    return unavailable(`failed with status ${String(status)}: the key vault is failing`);
  }
  return failed(`failed with status ${String(status)}: see the cause`);
}

function verdictWithoutAnswer(
  { kind, errorCode = 'unknown' }: VaultAnswer,
  { attemptTimeoutMs }: VaultCall,
): Verdict {
  switch (kind) {
    case 'timeout':
      return unavailable(`had no answer within ${String(attemptTimeoutMs)} ms`);
    case 'garbled':
      return unavailable('received an unreadable answer: is there a proxy in between?');
    case 'credential':
      return denied('got no token from the credential: check what it is configured with');
    case 'identity-down':
      return unavailable('got no token in time: the identity platform is failing or unreachable');
    case 'host-unknown':
      return unavailable('did not find the host: check the address of the vault, and DNS');
    case 'unreachable':
      return unavailable(`lost or could not open the connection (${errorCode})`);
    case 'certificate':
      return failed(
        `does not trust the server's certificate (${errorCode}): check the address of the vault, or any proxy in between`,
      );
    case 'challenge':
      return failed(
        'was challenged for a token of another service: check the address of the vault',
      );
    default:
      return failed('failed: see the cause');
  }
}

function unavailable(problem: string): Verdict {
  return { code: 'KEY_PROVIDER_UNAVAILABLE', problem, retryable: true };
}

const denied = (problem: string): Verdict => ({ code: 'KEY_PROVIDER_DENIED', problem });
const failed = (problem: string): Verdict => ({ code: 'KEY_PROVIDER_FAILED', problem });
const unsupported = (problem: string): Verdict => ({ code: 'MEK_UNSUPPORTED', problem });

function missing({ mekVersion }: VaultCall): Verdict {
  const what = mekVersion === undefined ? 'key' : 'version of the key';
  return {
    code: 'MEK_VERSION_UNKNOWN',
    problem: `found no such ${what}: if it was deleted, recover it; else check vault and name`,
  };
}

function verdictOfBadRequest({ operation }: VaultCall): Verdict {
  if (operation === 'unwrapKey') {
    return {
      code: 'WRAP_REJECTED',
      problem: 'was refused: that version did not make this wrap, or the wrap was changed',
    };
  }
  return unsupported('was refused as a bad request: the key does not fit the wrap algorithm');
}

function verdictOfRefusal({ innerCode, says }: VaultAnswer, { operation }: VaultCall): Verdict {
  if (innerCode === 'KeyDisabled' || says('disabled key')) {
    return {
      code: 'MEK_DISABLED',
      problem: 'was refused: the version is disabled; enable it again, or rotate to another',
    };
  }
  if (innerCode === 'KeyOperationForbidden') {
    return unsupported(`was refused: add ${operation} to the key's permitted operations`);
  }
  if (operation === 'wrapKey' && (innerCode?.includes('Expired') === true || says('expired'))) {
    return {
      code: 'MEK_NOT_VALID_NOW',
      problem: 'was refused: the version is expired or not yet valid; rotate to another',
    };
  }
  const lacksPermission = innerCode !== 'ForbiddenByFirewall';
  return { ...denied(denial(innerCode, operation)), lacksPermission };
}

function denial(innerCode: string | undefined, operation: VaultCall['operation']): string {
  switch (innerCode) {
    case 'ForbiddenByFirewall':
      return "was refused by the vault's firewall: allow this network, or use a private endpoint";
    case 'ForbiddenByPolicy':
      return `was refused: add keys/${operation} to the vault's access policy for this identity`;
    case 'ForbiddenByRbac':
      return `was refused: give this identity a role with keys/${operation}, such as Key Vault Crypto Service Encryption User; a new role takes effect after some minutes`;
    default:
      return `was refused: this identity needs the permission keys/${operation}`;
  }
}

function verdictOfConflict({ innerCode, errorCode }: VaultAnswer, call: VaultCall): Verdict {
  const codes = [innerCode, errorCode];
  if (codes.includes('ObjectIsDeletedButRecoverable')) return missing(call);
  return unavailable('found the key being deleted or recovered');
}
