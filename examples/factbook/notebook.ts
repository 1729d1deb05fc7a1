import type { DocumentStore, FieldEncryptor } from '@bytelyst/field-encrypt';
import type { EncryptedNote, Note } from './note.js';

/** Everything that a process needs to work on the notes in one place. */
export interface Notebook {
  readonly encryptor: FieldEncryptor;
  readonly notes: DocumentStore<EncryptedNote>;
  /** The same, for a product that does not encrypt yet. */
  readonly plainNotes: DocumentStore<Note>;
  /** The notes that it begins with, in clear. */
  readonly book: () => Note[];
  readonly close: () => void;
}

/**
 * Keys come from environment variables: see `initEncryption`.
 *
 * @param place - A SQLite file, or the address of a Cosmos DB account.
 */
export async function openNotebook(
  place: string,
  env: Readonly<NodeJS.ProcessEnv> = process.env,
): Promise<Notebook> {
  // Neither setting waits for the packages of the other.
  if (!place.startsWith('https://')) {
    return (await import('./sqlite-notebook.js')).openSqliteNotebook(place, env);
  }
  return (await import('./cosmos-notebook.js')).openCosmosNotebook(place, env);
}

/** The notes as they are stored, some hundred at a time. */
export async function* storedNotes({ notes }: Notebook): AsyncGenerator<EncryptedNote[]> {
  let continuation: string | undefined;
  do {
    const page = await notes.list({ pageSize: 500, continuation });
    yield page.items.map(({ document }) => document);
    continuation = page.continuation;
  } while (continuation !== undefined);
}
