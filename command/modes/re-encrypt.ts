/** Gives each document a fresh DEK. @module */
import { reencryptDocuments } from '@bytelyst/field-encrypt';
import type { OpenCollection } from '../config/open-product.js';
import { askBefore, documentsText } from './asking.js';
import { chosenCollections, driveCollections } from './collection-runs.js';
import type { ModeContext, ModeOutcome } from './mode.js';
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
  const collections = await chosenCollections(context);
  const opened = await context.product();
  const encryption = await opened.encryption();
  await ask(context, { collections, product: opened.product, createdBefore });
  return driveCollections(context, collections, ({ definition, documentStore, upgrade }) =>
    reencryptDocuments(encryption, definition, documentStore, {
      ...runOptionsOf(context),
      createdBefore,
      ...defined({ shred, upgrade }),
    }),
  );
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
    message: `This gives a fresh DEK to every document whose DEK was created before ${createdBefore}, in ${await documentsText(collections, context)}.`,
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
