/** Stores whose every creation is entered in the ledger before it is sent. @module */
import { toItemId } from '../../src/azure/cosmos/item-content.js';
import type { DekStore, DocumentStore } from '../../src/index.js';
import type { Ledger } from './ledger.js';

type Note = (item: Readonly<Record<string, unknown>>) => void;

export function notedDekStore(store: DekStore, ledger: Ledger, container: string): DekStore {
  return noted(store, ({ scopeId, id }) => {
    ledger.note({ container, partition: String(scopeId), id: toItemId(String(id)) });
  });
}

export function notedDocumentStore<Document extends object>(
  store: DocumentStore<Document>,
  ledger: Ledger,
  container: string,
): DocumentStore<Document> {
  return noted(store, ({ workspaceId, id }) => {
    ledger.note({ container, partition: String(workspaceId), id: String(id) });
  });
}

function noted<Store extends object>(store: Store, note: Note): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      // Called on the target itself: a proxy has none of its private fields.
      return (...args: unknown[]) => {
        if (String(name).startsWith('create')) note(args[0] as Parameters<Note>[0]);
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
}
