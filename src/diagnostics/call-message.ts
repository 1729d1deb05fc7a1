/** What is told of a call to a key provider or a store. @module */
import type { ErrorCode } from '../errors/errors.js';
import type { MekReference } from '../format/key-wrap.js';

/** `ABORTED`: by the caller's signal. `OTHER`: an error that has no code of this library. */
export type CallErrorCode = ErrorCode | 'ABORTED' | 'OTHER';

/** What all calls tell; the last three are there once the call has ended. */
export interface CallMessage {
  readonly product: string;
  /** By the encryptor's clock. */
  readonly durationMs?: number;
  /** Absent where the call succeeded. */
  readonly errorCode?: CallErrorCode;
  /** How long the key service asked to be left alone. */
  readonly retryAfterMs?: number;
}

/** One call of a key provider's `wrapKey`, with all the attempts that the provider makes of it. */
export interface WrapMessage extends CallMessage, MekReference {
  /** Absent where a random key was wrapped, just to prove that the MEK works. */
  readonly dekId?: string;
}

/** One call of a key provider's `unwrapKey`, with all the attempts that the provider makes of it. */
export interface UnwrapMessage extends CallMessage, MekReference {
  /** Absent where a random key was unwrapped, just to prove that the MEK works. */
  readonly dekId?: string;
}

/** A method of a DEK store. */
export type StoreMethod =
  | 'count'
  | 'create'
  | 'createItem'
  | 'deleteItem'
  | 'get'
  | 'getItem'
  | 'getMany'
  | 'list'
  | 'listItems'
  | 'listScope'
  | 'readLagMs'
  | 'replace'
  | 'replaceItem';

/**
 * One call of a DEK store. `ETAG_MISMATCH` and `ALREADY_EXISTS` are lost races, which the library
 * sees to itself.
 */
export interface StoreMessage extends CallMessage {
  readonly method: StoreMethod;
  /** Of `create`, `get` and `replace`. */
  readonly dekId?: string;
  /** Of `listScope`, `listItems` and the calls for one item that is no row. */
  readonly scopeId?: string;
  /** Of `createItem`, `getItem`, `replaceItem` and `deleteItem`: `"rotation"` for the rotation record. */
  readonly itemId?: string;
  /** Request units of all its requests; absent where the store reported none. */
  readonly requestCharge?: number;
}
