/** The ways in which the Key Vault test server can go wrong on command. @module */
import type { RequestMatcher, VaultRequest } from './request-log.js';

/** Answers like the service does when it refuses, and does no work. */
export interface RefusalFault {
  readonly status: number;
  /** @default a name after the status */
  readonly code?: string;
  readonly innerCode?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers this text, and does no work. */
export interface BodyFault {
  readonly body: string;
  /** @default 200 */
  readonly status?: number;
  /** @default that of JSON */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Refuses the token with this `WWW-Authenticate` header. */
export interface ChallengeFault {
  readonly challenge: string;
}

/** Sends the client to the same path at this origin. */
export interface RedirectFault {
  readonly redirectTo: string;
}

/** Never answers. */
export interface HangFault {
  readonly hang: true;
}

/** Destroys the socket, and does no work. */
export interface ResetBeforeFault {
  readonly resetBefore: true;
}

/** Does the work, then destroys the socket: the client cannot know. */
export interface ResetAfterFault {
  readonly resetAfter: true;
}

/** Serves the request after this time, on the machine's clock. */
export interface DelayFault {
  readonly delayMs: number;
}

/** Does this before the work, or waits for it: whatever no other fault is made for. */
export interface FirstFault {
  readonly first: (request: VaultRequest) => unknown;
}

/** Adds a version to the key before the work, as auto-rotation does: to this key or the request's. */
export interface RotateFirstFault {
  readonly rotateFirst: true | string;
}

/** Disables this version of the request's key before the work. */
export interface DisableFirstFault {
  readonly disableFirst: string;
}

/** Revokes every token issued so far before the work, the request's own too. */
export interface ExpireTokensFault {
  readonly expireTokens: true;
}

/** Does the work, then names this key, or another version of the right one. */
export interface WrongKidFault {
  readonly wrongKid: true | string;
}

/** Does the work, then answers the given number of random bytes as its result. */
export interface WrongDekLengthFault {
  readonly wrongDekLength: number;
}

/** Does the work, then answers an empty value. */
export interface EmptyValueFault {
  readonly emptyValue: true;
}

/** Does the work, then breaks off in the middle of the answer. */
export interface TruncateBodyFault {
  readonly truncateBody: true;
}

export type FaultAction =
  | RefusalFault
  | BodyFault
  | ChallengeFault
  | RedirectFault
  | HangFault
  | ResetBeforeFault
  | ResetAfterFault
  | DelayFault
  | FirstFault
  | RotateFirstFault
  | DisableFirstFault
  | ExpireTokensFault
  | WrongKidFault
  | WrongDekLengthFault
  | EmptyValueFault
  | TruncateBodyFault;

type KeyOf<T> = T extends unknown ? keyof T : never;
type NothingElse<T, All extends PropertyKey> = T extends unknown
  ? T & Readonly<Partial<Record<Exclude<All, keyof T>, never>>>
  : never;

/** One fault, and which requests it is for. Two kinds of fault in one do not compile. */
export type Fault = NothingElse<FaultAction, KeyOf<FaultAction>> & FaultTrigger;

export interface FaultTrigger {
  /** @default every request that carries a token */
  readonly on?: RequestMatcher;
  /** How many of them; `Infinity` for all. @default 1 */
  readonly times?: number;
}
