/** The checklist before a rotation. It writes nothing. @module */
import {
  type Census,
  isFieldEncryptionError,
  readRecords,
  type ProductRecords,
} from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { EXIT } from '../command-line/exit-codes.js';
import type { OpenProduct } from '../config/open-product.js';
import { censusSchema, mekSchema } from '../report/census-schema.js';
import type { Finding } from '../report/mode-report.js';
import { compareAll, definitionSchema } from './inspecting/definition-records.js';
import {
  errorText,
  exitCodeOfFindings,
  mekText,
  plural,
  rewrapCommand,
} from './inspecting/findings.js';
import {
  leaseFindings,
  leaseSchema,
  reportedLeases,
  reportedReencryptions,
  type ReportedLease,
} from './inspecting/leases.js';
import { countCollections, plaintextSchema } from './inspecting/plaintext.js';
import { censusBeside, rowFindings } from './inspecting/rows.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { estimateRotation, estimateSchema } from './preflight/estimate.js';
import { fail, ok, unseen, warn } from './preflight/line.js';
import { differenceOf, openSides, roundTrips, type Sides } from './preflight/mek-checks.js';
import {
  authenticationCheck,
  type Cover,
  coverOf,
  coverSchema,
  recoveryCheck,
} from './preflight/row-checks.js';
import { storeChecks } from './preflight/store-checks.js';
import { vaultChecks } from './preflight/vault-checks.js';
import { defined } from './run-flags.js';

export const resultSchema = z.strictObject({
  /** Absent where the provider is not configured. */
  old: mekSchema.optional(),
  new: mekSchema.optional(),
  census: censusSchema.optional(),
  cover: coverSchema.optional(),
  plaintext: z.array(plaintextSchema),
  definitions: z.array(definitionSchema),
  leases: z.array(leaseSchema),
  estimate: estimateSchema.optional(),
});

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const product = await context.product();
  const records = await recordsOrLines(context, product);
  if ('exitCode' in records) return records;
  const census = await censusBeside(context, product, records);
  const sides = await openSides(context, product, records.rotation);
  const leases = reportedLeases(records, context.clock.wallMs());
  const compared = await compareAll(context, product, product.collections);
  const plaintext = await countCollections(context, product, product.collections);
  const encryption = sides.new || sides.old ? await product.encryption() : undefined;
  const cover = encryption && (await coverOf(context, encryption, encryption.recoveryKey));
  const findings = [
    ...(await keyChecks(context, sides, records)),
    ...runChecks(context, { records, leases, sides }),
    ...(await storeChecks(context, product, context.flags['new-mek-version'] ?? '')),
    ...orOk(compared.findings, 'definitions', definitionsText(product)),
    ...(cover ? await coverChecks(context, product, cover) : []),
    ...censusChecks(context, records, census),
    ...orOk(plaintext.findings, 'plaintext', 'No document holds plaintext in a declared field'),
  ];
  const estimated =
    encryption && sides.new ? await estimateRotation(context, encryption, sides.new) : undefined;
  findings.push(...(estimated ? [estimated.finding] : []), otherProcesses());
  const exitCode = exitCodeOfFindings(findings);
  return {
    exitCode,
    audit: checkedEvent(findings, sides.new?.mek),
    result: {
      ...(sides.old && { old: sides.old.mek }),
      ...(sides.new && { new: sides.new.mek }),
      ...(census && { census }),
      ...(cover && { cover }),
      plaintext: plaintext.counts,
      definitions: compared.definitions,
      leases,
      ...(estimated?.estimate && { estimate: estimated.estimate }),
    },
    findings,
    next: exitCode === 0 && sides.new ? [nextStep(context, sides.new.mek)] : [],
  };
}

function checkedEvent(
  findings: readonly Finding[],
  target?: z.output<typeof mekSchema>,
): NonNullable<ModeOutcome['audit']> {
  const checks = findings.map(({ check, level }) => ({ check, level }));
  const passed = exitCodeOfFindings(findings) === EXIT.done;
  return { what: 'preflight.checked', facts: { passed, ...(target && { target }), checks } };
}

async function keyChecks(
  context: ModeContext,
  sides: Sides,
  { rotation }: ProductRecords,
): Promise<readonly Finding[]> {
  return [
    enabledCheck(context),
    ...sides.findings,
    ...(await roundTrips(context, sides)),
    ...differenceOf(context, sides, rotation),
    ...(await vaultChecks(context, sides)),
  ];
}

/** The store itself refuses a container with wrong settings: its lines say which. */
async function recordsOrLines(
  context: ModeContext,
  product: OpenProduct,
): Promise<ModeOutcome | ProductRecords> {
  const { signal, flags } = context;
  try {
    return await readRecords(await product.search(), { signal });
  } catch (error) {
    signal.throwIfAborted();
    const isOfStore = isFieldEncryptionError(error) && error.code === 'STORE_FAILED';
    const lines = isOfStore
      ? await storeChecks(context, product, flags['new-mek-version'] ?? '')
      : [];
    if (exitCodeOfFindings(lines) === EXIT.done) throw error;
    const findings = [enabledCheck(context), ...lines, fail('dek-store', errorText(error))];
    const result = { plaintext: [], definitions: [], leases: [] };
    return { exitCode: EXIT.findings, result, findings, audit: checkedEvent(findings) };
  }
}

function nextStep(context: ModeContext, mek: z.output<typeof mekSchema>) {
  const { raw } = context;
  const source = raw['old-mek-version'];
  const command = rewrapCommand(context, mek, defined({ 'old-mek-version': source }));
  return { why: 'To rotate', command };
}

/** Findings, or one line that says that there are none. */
function orOk(findings: readonly Finding[], check: string, message: string): readonly Finding[] {
  return findings.length > 0 ? findings : [ok(check, message)];
}

const ENABLED = 'FIELD_ENCRYPT_ENABLED';

/** The application's own variable, where this process has its environment. */
function enabledCheck({ env }: ModeContext): Finding {
  const check = 'enabled';
  const value = env[ENABLED];
  if (value === 'true') return ok(check, `${ENABLED} is true here`);
  if (value === 'false') {
    return fail(check, `${ENABLED} is false here: the application stores plaintext`, {
      action: 'Turn encryption on in every process, and encrypt what was stored meanwhile.',
    });
  }
  return unseen(
    check,
    `${ENABLED} is ${value === undefined ? 'not set' : 'neither true nor false'} here`,
    {
      action: 'Check that encryption is on in every process of the application.',
    },
  );
}

interface Running {
  readonly records: ProductRecords;
  readonly leases: readonly ReportedLease[];
  readonly sides: Sides;
}

function runChecks(context: ModeContext, { records, leases, sides }: Running): readonly Finding[] {
  const reencryptions = reportedReencryptions(records, leases);
  const found = leaseFindings(context, leases, reencryptions);
  return [
    ...rotationCheck(context, records, sides),
    ...orOk(found, 'leases', 'No migration of documents is running, and none was left unfinished'),
  ];
}

function rotationCheck(
  context: ModeContext,
  { rotation }: ProductRecords,
  sides: Sides,
): readonly Finding[] {
  if (!rotation) return [];
  const { state, startedAt, epoch } = rotation;
  const check = 'rotation';
  const name = mekText(rotation);
  if (state === 'complete') {
    return [
      ok(check, `No rotation is running: the one to ${name} (epoch ${String(epoch)}) is complete`),
    ];
  }
  const message = `The rotation to ${name} (epoch ${String(epoch)}) is unfinished: ${state}, since ${startedAt}`;
  if (sides.new && mekText(sides.new.mek) === name) {
    return [warn(check, message, { action: 'rewrap-deks continues it.' })];
  }
  const action = 'Finish it first; a rotation to another version would need --take-over:';
  return [fail(check, message, { action, command: rewrapCommand(context, rotation) })];
}

function definitionsText({ collections }: OpenProduct): string {
  return `The definitions of ${plural(collections.length, 'collection')} agree with the record`;
}

async function coverChecks(
  context: ModeContext,
  product: OpenProduct,
  cover: Cover,
): Promise<readonly Finding[]> {
  const { recoveryKey } = await product.encryption();
  return [
    recoveryCheck(context, cover, recoveryKey !== undefined),
    await authenticationCheck(context, product, cover),
  ];
}

function censusChecks(
  context: ModeContext,
  records: ProductRecords,
  census: Census | undefined,
): readonly Finding[] {
  // An unfinished rotation has a line of its own.
  const found = rowFindings(context, { records, census }).filter(
    ({ check, level }) => check !== 'rotation' || level === 'fail',
  );
  if (!census || found.length > 0) return found;
  const { active, retired, wraps } = census;
  const versions = wraps.map(
    (each) => `${plural(each.active + each.retired, 'row')} on ${mekText(each)}`,
  );
  const all = `${plural(active + retired, 'live row')}: ${versions.join(', ')}`;
  return [ok('census', all)];
}

function otherProcesses(): Finding {
  return unseen('other-processes', 'Other processes of the application', {
    action:
      'Check that each of them may use the new version, has the same definitions, and says ready in its readiness check.',
  });
}
