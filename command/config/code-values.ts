/** Objects that a configuration in code may pass in place of settings. @module */
import type {
  AnyDefinition,
  AuditSink,
  BackfillOptions,
  DekStore,
  DocumentStore,
  KeyProvider,
  MoveDocumentsOptions,
} from '@bytelyst/field-encrypt';

export type AnyDocumentStore = DocumentStore;
export type UpgradeFunction = NonNullable<BackfillOptions['upgrade']>;
export type MoveFunction = NonNullable<MoveDocumentsOptions['move']>;

/** A kind of object, by what it can do: its class may be the application's own. */
export interface CodeKind<T> {
  readonly words: string;
  readonly is: (value: unknown) => value is T;
}

export const KEY_PROVIDER: CodeKind<KeyProvider> = {
  words: 'a KeyProvider object',
  is: (value): value is KeyProvider => has(value, 'wrapKey', 'unwrapKey', 'currentVersion'),
};

export const DEK_STORE: CodeKind<DekStore> = {
  words: 'a DekStore object',
  is: (value): value is DekStore => has(value, 'listScope', 'create', 'replace', 'list'),
};

/** A DEK store has methods of the same names. */
export const DOCUMENT_STORE: CodeKind<AnyDocumentStore> = {
  words: 'a DocumentStore object',
  is: (value): value is AnyDocumentStore =>
    has(value, 'get', 'list', 'replace') && !has(value, 'listScope'),
};

export const DEFINITION: CodeKind<AnyDefinition> = {
  words: 'a definition of defineDocument',
  is: (value): value is AnyDefinition => has(value, 'storedField', 'declaredField'),
};

export const AUDIT_SINK: CodeKind<AuditSink> = {
  words: 'an AuditSink object',
  is: (value): value is AuditSink => has(value, 'write'),
};

/** A credential of `@azure/identity`. */
export interface Credential {
  getToken(
    scopes: string | string[],
    options?: object,
  ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
}

export const CREDENTIAL: CodeKind<Credential> = {
  words: 'a credential of @azure/identity',
  is: (value): value is Credential => has(value, 'getToken'),
};

export const UPGRADE: CodeKind<UpgradeFunction> = {
  words: 'a function',
  is: (value): value is UpgradeFunction => typeof value === 'function',
};

export const MOVE: CodeKind<MoveFunction> = {
  words: 'a function',
  is: (value): value is MoveFunction => typeof value === 'function',
};

/** Properties that only code can fill. */
export const ONLY_IN_CODE: readonly string[] = ['credential', 'move', 'upgrade'];

function has(value: unknown, ...methods: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Readonly<Record<string, unknown>>;
  return methods.every((method) => typeof members[method] === 'function');
}
