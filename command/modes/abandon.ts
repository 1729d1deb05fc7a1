/** Puts a tombstone in the place of a row that nothing can open. @module */
import {
  abandonDek,
  type AbandonDekOptions,
  type AbandonedDek,
  isFieldEncryptionError,
} from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { commandText } from '../command-line/command-text.js';
import { EXIT } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import type { OpenProduct } from '../config/open-product.js';
import type { Finding, NextStep } from '../report/mode-report.js';
import type { View } from '../report/view.js';
import { askBefore } from './asking.js';
import { Evidence } from './evidence.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { readPrivateKey } from './private-key.js';
import { defined } from './run-flags.js';

export const resultSchema = z.strictObject({
  dekId: z.string(),
  /** False where nothing was written. */
  abandoned: z.boolean(),
  /** An earlier call did it; nothing else is known of the row then. */
  alreadyGone: z.boolean(),
  damage: z.enum(['altered', 'commitment-mismatch', 'false-mac', 'lost-mek']).optional(),
  /** The wrap of an altered row still opens. */
  wrapOpens: z.boolean().optional(),
  /** Of the document; only with `--document-keys`. */
  scope: z.array(z.string()).optional(),
  /** Of the bytes of the row: the SHA-256 of the evidence. */
  digest: z.string().optional(),
  leaves: z.enum(['nothing', 'tombstone']).optional(),
  /** The file with the bytes of the row. */
  evidence: z.string().optional(),
  requestCharge: z.number().optional(),
});

type Result = z.output<typeof resultSchema>;

const DIGEST = /^[0-9a-f]{64}$/;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { flags } = context;
  const dekId = onlyOne('dek-id', flags['dek-id']) ?? '';
  const confirm = digestIn(flags.confirm);
  const evidence = evidenceOf(context);
  const opened = await context.product();
  const options = await optionsOf(context, opened);
  const encryption = await opened.encryption();
  const isGone =
    confirm !== undefined && evidence?.digest === confirm && (await isLeft(context, dekId));
  if (isGone) {
    const text = `DEK ${dekId} was abandoned before: nothing is left to do.`;
    return {
      exitCode: EXIT.done,
      result: { dekId, abandoned: false, alreadyGone: true },
      views: [{ text }],
    };
  }
  const abandon = (more: AbandonDekOptions = {}): Promise<AbandonedDek> =>
    abandonDek(encryption, dekId, { ...options, ...more });
  const found = await abandon();
  if (flags['dry-run']) return outcomeOf(context, found);
  // For another row, the library says what is wrong.
  if (confirm !== undefined && confirm !== found.digest) await abandon({ confirm });
  evidence?.keep(found);
  if (confirm === undefined) return outcomeOf(context, found, evidence);
  await askBefore(context, () =>
    Promise.resolve({
      message: `This gives up DEK ${dekId} of ${opened.product} for good: its document can never be read again. Copies of the row in backups would bring it back.`,
    }),
  );
  context.hasBegun = true;
  context.output.begin('abandon');
  const onWait: AbandonDekOptions['onWait'] = (event) => void context.output.event(event);
  return outcomeOf(context, await abandon({ confirm, onWait }), evidence);
}

/** The bytes of the row are kept before anything else, except in a dry run. */
function evidenceOf(context: ModeContext): Evidence | undefined {
  const { evidence, 'dry-run': dryRun } = context.flags;
  if (dryRun) return undefined;
  if (evidence !== undefined) return new Evidence(context.folder, evidence);
  throw new UsageError(
    '--evidence is missing: name a new file for the bytes of the row, or look alone with --dry-run',
  );
}

function digestIn(confirm: string | undefined): string | undefined {
  if (confirm === undefined || DIGEST.test(confirm)) return confirm;
  throw new UsageError('--confirm: expected the 64 hex digits that the call without it printed');
}

/** Whether a tombstone, or nothing, is in the place of the row. */
async function isLeft(context: ModeContext, dekId: string): Promise<boolean> {
  const { signal } = context;
  const { dekStore } = await (await context.product()).search();
  try {
    const item = await dekStore.get(dekId, { signal });
    return !item || (item.value as { readonly state?: unknown }).state === 'shredded';
  } catch (error) {
    // A row under a record key that its mac does not match is what is to be given up.
    if (isFieldEncryptionError(error) && error.code === 'TAMPERED') return false;
    throw error;
  }
}

async function optionsOf(context: ModeContext, opened: OpenProduct): Promise<AbandonDekOptions> {
  const { flags, signal } = context;
  const file = flags['private-key'];
  return {
    signal,
    ...(file !== undefined && readPrivateKey(context, file)),
    ...(await documentOf(context, opened)),
    ...defined({ lostMek: onlyOne('lost-mek', flags['lost-mek']) }),
  };
}

/** The document of the DEK, where the row does not name it any more. */
async function documentOf(
  { flags }: ModeContext,
  opened: OpenProduct,
): Promise<Pick<AbandonDekOptions, 'definition' | 'key'>> {
  const collection = onlyOne('collection', flags.collection);
  const properties = flags['document-key'];
  if (collection === undefined && properties === undefined) return {};
  if (collection === undefined || properties === undefined) {
    throw new UsageError('--collection and --document-key name a document together: pass both');
  }
  const known = opened.definitions().find((each) => each.collection === collection);
  const definition = known ?? (await opened.collection(collection)).definition;
  const key = Object.fromEntries(properties.map(({ name, value }) => [name, value]));
  const isWhole = definition.key.every((name) => Object.hasOwn(key, name));
  if (isWhole && properties.length === definition.key.length) return { definition, key };
  throw new UsageError(
    `--document-key: the key of ${collection} is ${definition.key.join(', ')}: pass each of them once`,
  );
}

function onlyOne<Value>(name: string, values: readonly Value[] | undefined): Value | undefined {
  if (values === undefined || values.length === 1) return values?.[0];
  throw new UsageError(`--${name} is passed ${String(values.length)} times: abandon takes one`);
}

function outcomeOf(context: ModeContext, found: AbandonedDek, evidence?: Evidence): ModeOutcome {
  const { dekId, damage, wrapOpens, scope, digest, leaves, abandoned, requestCharge } = found;
  const result: Result = {
    dekId,
    abandoned,
    alreadyGone: false,
    damage,
    digest,
    leaves,
    ...(scope && { scope: [...scope] }),
    ...defined({ wrapOpens, requestCharge, evidence: evidence?.file }),
  };
  return {
    exitCode: EXIT.done,
    result,
    views: [viewOf(context, result)],
    findings: wrapOpens ? [STILL_OPENS] : [],
    next: abandoned ? [] : [nextOf(context, digest)],
  };
}

const STILL_OPENS: Finding = {
  level: 'warn',
  check: 'wrap-opens',
  message: 'The wrap of the altered row still opens',
  action: 'Restore the altered properties by hand instead of giving the DEK up',
};

function viewOf({ documentKeys }: ModeContext, result: Result): View {
  const { dekId, damage, wrapOpens, scope, digest, leaves, evidence } = result;
  return {
    title: `DEK ${dekId}: ${result.abandoned ? 'abandoned' : 'nothing was written to the store'}`,
    facts: {
      damage,
      'wrap opens': wrapOpens,
      document: documentKeys ? scope?.join(' / ') : undefined,
      digest,
      [result.abandoned ? 'left' : 'would leave']: leaves,
      evidence,
    },
  };
}

/** After a dry run: the call that keeps the bytes. */
function nextOf({ mode, raw }: ModeContext, digest: string): NextStep {
  if (raw['dry-run'] === true) {
    const evidence = raw.evidence ?? `${String(raw['dek-id'])}.json`;
    const flags = { ...raw, 'dry-run': false, evidence };
    return { why: 'To keep the bytes of the row', command: commandText(mode, flags) };
  }
  const why = 'To give it up for good, after every backup was searched for the row';
  return { why, command: commandText(mode, { ...raw, confirm: digest }) };
}
