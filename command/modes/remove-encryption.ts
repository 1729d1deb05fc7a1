/** Stores every field in clear again. @module */
import { removeEncryption } from '@bytelyst/field-encrypt';
import { askBefore, documentsText } from './asking.js';
import { chosenCollections, driveCollections } from './collection-runs.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { runOptionsOf } from './run-flags.js';
import { runsSchema } from './run-report.js';

export const resultSchema = runsSchema;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const collections = await chosenCollections(context);
  const opened = await context.product();
  const encryption = { ...(await opened.encryption()), enabled: false };
  await askBefore(context, async () => ({
    message: `This stores every field in clear, in ${await documentsText(collections, context)}. First every process has to run with FIELD_ENCRYPT_ENABLED=false: others encrypt again what they write.`,
    typed: opened.product,
  }));
  return driveCollections(context, collections, ({ definition, documentStore }) =>
    removeEncryption(encryption, definition, documentStore, runOptionsOf(context)),
  );
}
