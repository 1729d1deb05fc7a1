/** Whether the service can do its work, as load balancers and people on call ask. @module */
import { isFieldEncryptionError, type FieldEncryptor } from '@bytelyst/field-encrypt';
import { z } from 'zod';
import type { Alarms } from '../lib/error-answers.js';
import type { Notes } from '../notes/notes.js';

const checkSchema = z.object({
  name: z.string().describe('`notes`, `dek-store`, `key-provider …`, `definition …`.'),
  ok: z.boolean(),
  durationMs: z.number(),
  code: z.string().optional().describe('Error code of a check that failed.'),
});

export const readinessSchema = z
  .object({
    ready: z.boolean(),
    stopping: z.boolean().describe('The process received SIGTERM.'),
    checks: z.array(checkSchema),
    encryption: z.object({
      enabled: z.boolean(),
      mode: z.enum(['strict', 'migrate']),
      recordAuthentication: z.enum(['off', 'optional', 'required']).optional(),
      rotationEpoch: z
        .int()
        .optional()
        .describe('Of the rotation record; absent before the first note.'),
      fenceTtlMs: z.number(),
    }),
    cache: z.object({ entries: z.int(), maxEntries: z.int(), ttlMs: z.int() }),
    plaintextReads: z
      .int()
      .describe('Declared fields that were read as plaintext since the start.'),
    definitionMismatches: z.int(),
    neverSeen: z.array(z.string()).describe('Declared fields that no note had.'),
    alarms: z.object({ tampered: z.int().describe('Notes that failed as tampered.') }),
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
    information: z.array(z.object({ code: z.string(), message: z.string() })),
  })
  .meta({ id: 'Readiness' });

export type ReadinessReport = z.infer<typeof readinessSchema>;

const MOST_MS = 10_000;

export interface ReadinessParts {
  readonly encryptor: FieldEncryptor;
  readonly notes: Notes;
  readonly alarms: Alarms;
  readonly cacheMs: number;
}

export class ReadinessProbe {
  /** Set as soon as the process begins to stop: from then on it is not ready. */
  isStopping = false;
  readonly #parts: ReadinessParts;
  #checkedAt = -Infinity;
  #checked: Promise<Checked> | undefined;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  async report(): Promise<ReadinessReport> {
    const { encryptor, alarms } = this.#parts;
    const { plaintextReads, definitionMismatches, dekCache } = encryptor;
    const checked = await this.#recentCheck();
    return {
      ...checked,
      ready: checked.checks.every(({ ok }) => ok) && !this.isStopping,
      stopping: this.isStopping,
      cache: { entries: dekCache.size, maxEntries: dekCache.maxEntries, ttlMs: dekCache.ttlMs },
      plaintextReads,
      definitionMismatches,
      alarms: { tampered: alarms.tampered },
    };
  }

  /** Each check wraps and unwraps in the vault: many probes at once share one. */
  #recentCheck(): Promise<Checked> {
    const now = performance.now();
    if (this.#checked && now - this.#checkedAt < this.#parts.cacheMs) return this.#checked;
    this.#checkedAt = now;
    this.#checked = check(this.#parts);
    return this.#checked;
  }
}

type Check = z.infer<typeof checkSchema>;
type Checked = Pick<
  ReadinessReport,
  'checks' | 'encryption' | 'information' | 'neverSeen' | 'warnings'
>;

async function check({ encryptor, notes }: ReadinessParts): Promise<Checked> {
  const signal = AbortSignal.timeout(MOST_MS);
  const [store, encryption] = await Promise.all([
    timed('notes', () => notes.checkStore(signal)),
    checkEncryption(encryptor, signal),
  ]);
  return { ...encryption, checks: [store, ...encryption.checks] };
}

async function checkEncryption(encryptor: FieldEncryptor, signal: AbortSignal): Promise<Checked> {
  const { enabled, mode, fenceTtlMs } = encryptor;
  const begin = performance.now();
  try {
    const found = await encryptor.checkReadiness({ signal });
    const { recordAuthentication, epoch, warnings, information, neverSeen } = found;
    return {
      checks: found.checks.map(({ error, ...each }) => ({ ...each, ...codeOf(error) })),
      encryption: {
        enabled,
        mode,
        recordAuthentication,
        fenceTtlMs,
        ...(epoch !== undefined && { rotationEpoch: epoch }),
      },
      neverSeen: neverSeen.flatMap(({ collection, paths }) =>
        paths.map((path) => `${collection}.${path}`),
      ),
      warnings: [...warnings],
      information: [...information],
    };
  } catch (error) {
    // Out of time: nothing is known.
    const failed = { name: 'encryption', ok: false, durationMs: performance.now() - begin };
    const encryption = { enabled, mode, fenceTtlMs };
    const nothing = { neverSeen: [], warnings: [], information: [] };
    return { checks: [{ ...failed, ...codeOf(error) }], encryption, ...nothing };
  }
}

async function timed(name: string, work: () => Promise<void>): Promise<Check> {
  const begin = performance.now();
  try {
    await work();
    return { name, ok: true, durationMs: performance.now() - begin };
  } catch (error) {
    return { name, ok: false, durationMs: performance.now() - begin, ...codeOf(error) };
  }
}

function codeOf(error: unknown): { readonly code?: string } {
  return error === undefined ? {} : { code: shownCodeOf(error) };
}

/** The message stays where the library throws it: it may quote the database, and readiness needs no token. */
export function shownCodeOf(error: unknown): string {
  return isFieldEncryptionError(error) ? error.code : 'TIMEOUT';
}
