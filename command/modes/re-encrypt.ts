/** Gives each document a fresh DEK. @module */
import { reencryptDocuments } from '@bytelyst/field-encrypt';
import { EXIT } from '../command-line/exit-codes.js';
import type { OpenCollection } from '../config/open-product.js';
import { askBefore, documentsText } from './asking.js';
import { chosenCollections, driveCollections } from './collection-runs.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { namesOlderDek } from './older-deks.js';
import { resolvedMoment } from './resolved-moment.js';
import { defined, runOptionsOf } from './run-flags.js';
import { runsSchema } from './run-report.js';

export const resultSchema = runsSchema;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { shred } = context.flags;
  const createdBefore = resolvedMoment(context, {
    moment: 'created-before',
    duration: 'older-than',
  });
  const chosen = await chosenCollections(context);
  const opened = await context.product();
  const encryption = await opened.encryption();
  const { dekStore } = encryption;
  const collections = await withOlderDeks(context, chosen, { dekStore, instant: createdBefore });
  if (collections.length === 0) return nothingOlder(createdBefore);
  await ask(context, { collections, product: opened.product, createdBefore });
  return driveCollections(context, collections, ({ definition, documentStore, upgrade }) =>
    reencryptDocuments(encryption, definition, documentStore, {
      ...runOptionsOf(context),
      createdBefore,
      ...defined({ shred, upgrade }),
    }),
  );
}

/** `--older-than` is for routine: what is young is spared. A moment that is passed is for DEKs that leaked. */
async function withOlderDeks(
  context: ModeContext,
  chosen: readonly OpenCollection[],
  olderThan: Parameters<typeof namesOlderDek>[2],
): Promise<readonly OpenCollection[]> {
  const { flags, output } = context;
  if (flags['created-before'] !== undefined) return chosen;
  const collections: OpenCollection[] = [];
  for (const collection of chosen) {
    if (await namesOlderDek(context, collection, olderThan)) collections.push(collection);
    else output.note(`${collection.name}: no DEK was created before ${olderThan.instant}`);
  }
  return collections;
}

function nothingOlder(createdBefore: string): ModeOutcome {
  const text = `No document has a DEK that was created before ${createdBefore}: nothing is left to do.`;
  return { exitCode: EXIT.done, result: { runs: [] }, views: [{ text }] };
}

interface Reencryption {
  readonly collections: readonly OpenCollection[];
  readonly product: string;
  readonly createdBefore: string;
}

async function ask(
  context: ModeContext,
  { collections, product, createdBefore }: Reencryption,
): Promise<void> {
  await askBefore(context, async () => ({
    message: `This gives a fresh DEK to ${await documentsText(collections, context)}: the re-encryption of ${createdBefore} begins, or continues. Every DEK that existed when it began is replaced.`,
  }));
  if (!context.flags.shred) return;
  await askBefore(context, () =>
    Promise.resolve({
      message:
        'The replaced DEKs are shredded: what backups hold of these documents can never be read again.',
      typed: product,
    }),
  );
}
