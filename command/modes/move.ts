/** Moves documents to another collection or key. @module */
import { moveDocuments } from '@bytelyst/field-encrypt';
import { UsageError } from '../command-line/usage-error.js';
import { askBefore, documentsText } from './asking.js';
import { driveCollections } from './collection-runs.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { defined, required, runOptionsOf } from './run-flags.js';
import { runsSchema } from './run-report.js';

export const resultSchema = runsSchema;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { flags } = context;
  const names = [required(flags['from-collection']), required(flags['to-collection'])] as const;
  if (names[0] === names[1]) {
    throw new UsageError(
      '--from-collection and --to-collection are the same: a moved document needs another collection name, and the table may stay the same',
    );
  }
  const opened = await context.product();
  const [from, to] = await Promise.all([opened.collection(names[0]), opened.collection(names[1])]);
  const encryption = await opened.encryption();
  const shred = !flags['keep-deks'];
  await askBefore(context, async () => ({
    message: `This moves ${await documentsText([from], context)} to ${to.name}.${shred ? ' Then it shreds their old DEKs: what backups hold of them can never be read again.' : ''}`,
  }));
  return driveCollections(context, [from], ({ definition, documentStore }) =>
    moveDocuments(
      encryption,
      { definition, documentStore },
      { definition: to.definition, documentStore: to.documentStore },
      { ...runOptionsOf(context), shred, ...defined({ move: to.move }) },
    ),
  );
}
