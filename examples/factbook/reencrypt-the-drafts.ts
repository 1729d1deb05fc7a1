import {
  reencryptDocuments,
  type DocumentKey,
  type MigrationSummary,
  type ReencryptOptions,
} from '@bytelyst/field-encrypt';
import { lastRevisions } from './acknowledged-writes.js';
import { DRAFTS } from './draft.js';
import { codeOf } from './forgeries.js';
import { note, type EncryptedNote } from './note.js';
import { openNotebook, type Notebook } from './notebook.js';
import { ProgressDisplay } from './progress-display.js';
import type { Variables } from './setting.js';
import type { Stage } from './stage.js';

export interface Reencryption {
  readonly summary: MigrationSummary;
  /** Notes of the workspace. */
  readonly drafts: number;
  /** Of reading a note as it was stored before; undefined where it opens. */
  readonly oldCopy: string | undefined;
}

const FIRST_DRAFT: DocumentKey<typeof note> = { workspaceId: DRAFTS, id: '1' };

/** Fresh keys for one workspace, as if its old ones had leaked; those are destroyed. */
export async function reencryptTheDrafts(stage: Stage, env: Variables): Promise<Reencryption> {
  const { setting, journal, say } = stage;
  const drafts = lastRevisions(journal).size;
  say(`\n6. Re-encrypting the workspace "${DRAFTS}", ${String(drafts)} notes, with fresh keys …`);
  const notebook = await openNotebook(setting.place, env);
  const copy = await notebook.notes.get(FIRST_DRAFT);
  if (!copy) throw new Error('The second process wrote no draft');
  const summary = await reencrypt(notebook, stage);
  const oldCopy = await refusalOf(notebook, copy.document);
  say(`   A copy of a note from before does not open any more: ${oldCopy ?? 'IT DOES'}`);
  notebook.close();
  return { summary, drafts, oldCopy };
}

async function reencrypt({ encryptor, notes }: Notebook, stage: Stage): Promise<MigrationSummary> {
  const display = new ProgressDisplay(stage);
  const options: ReencryptOptions = {
    createdBefore: new Date(),
    select: ({ workspaceId }) => workspaceId === DRAFTS,
    shred: true,
  };
  try {
    for await (const event of reencryptDocuments(encryptor, note, notes, options)) {
      display.show(event);
      if (event.type === 'finished') return event.summary;
    }
  } finally {
    display.close();
  }
  throw new Error('The re-encryption ended without a summary');
}

async function refusalOf(
  { encryptor }: Notebook,
  document: EncryptedNote,
): Promise<string | undefined> {
  return encryptor.decryptDocument(note, document).then(() => undefined, codeOf);
}
