/** What can be asked of the Key Vault test server. @module */

/** A request's place in the protocol; `other` is a path that the protocol does not have. */
export type Operation =
  | 'create'
  | 'get'
  | 'versions'
  | 'list'
  | 'rotate'
  | 'update'
  | 'wrapKey'
  | 'unwrapKey'
  | 'delete'
  | 'listDeleted'
  | 'getDeleted'
  | 'recover'
  | 'purge'
  | 'backup'
  | 'restore'
  | 'other';

export type Permission =
  | 'get'
  | 'list'
  | 'wrapKey'
  | 'unwrapKey'
  | 'create'
  | 'rotate'
  | 'update'
  | 'delete'
  | 'recover'
  | 'purge'
  | 'backup'
  | 'restore';

/** What the caller may do; everything, unless told otherwise. */
export type Permissions = Record<Permission, boolean>;

export const ALL_PERMISSIONS: Permissions = {
  get: true,
  list: true,
  wrapKey: true,
  unwrapKey: true,
  create: true,
  rotate: true,
  update: true,
  delete: true,
  recover: true,
  purge: true,
  backup: true,
  restore: true,
};

/** Which permission the service asks for. */
export function permissionFor(operation: Operation): Permission | undefined {
  switch (operation) {
    case 'versions':
    case 'listDeleted':
      return 'list';
    case 'getDeleted':
      return 'get';
    case 'other':
      return undefined;
    default:
      return operation;
  }
}
