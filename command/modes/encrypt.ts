/** Encrypts what is still plaintext. @module */
import { backfillDocuments } from '@bytelyst/field-encrypt';
import { askBefore, documentsText } from './asking.js';
import { chosenCollections, driveCollections } from './collection-runs.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { defined, runOptionsOf } from './run-flags.js';
import { runsSchema } from './run-report.js';

export const resultSchema = runsSchema;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { stage } = context.flags;
  const collections = await chosenCollections(context);
  const encryption = await (await context.product()).encryption();
  await askBefore(context, async () => {
    const documents = await documentsText(collections, context);
    const what =
      stage === undefined
        ? `This encrypts what is plaintext in ${documents}.`
        : `This stores in clear what is sealed at paths in stage "opening", in ${documents}.`;
    return { message: what };
  });
  return driveCollections(context, collections, ({ definition, documentStore, upgrade }) =>
    backfillDocuments(encryption, definition, documentStore, {
      ...runOptionsOf(context),
      ...defined({ stage, upgrade }),
    }),
  );
}
