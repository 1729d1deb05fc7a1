/** The rotation record and the census of the rows, as results and reports have them. @module */
import * as z from 'zod';
import { reportedErrorSchema } from './reported-error.js';

const count = z.number().int().min(0);
const moment = z.iso.datetime();

export const mekSchema = z.strictObject({
  keyProvider: z.string(),
  mekName: z.string(),
  mekVersion: z.string(),
});
const states = z.enum(['fencing', 'rewrapping', 'complete']);

export const rotationSchema = mekSchema.extend({
  epoch: count,
  state: states,
  fenceTtlMs: count,
  /** The longer time that processes may still use. */
  drainTtlMs: count.optional(),
  generationFloor: count,
  startedAt: moment,
  fencedAt: moment.optional(),
  completedAt: moment.optional(),
  /** The record was restored from an older state. */
  restored: z.boolean(),
  /** Earlier rotations that the record remembers. */
  history: count,
});

const wrapCounts = { active: count, retired: count, previousWraps: count };

export const censusSchema = z.strictObject({
  product: z.string(),
  rotation: mekSchema.extend({ epoch: count, state: states }).optional(),
  rows: count,
  active: count,
  retired: count,
  shredded: count,
  wraps: z.array(mekSchema.extend(wrapCounts)),
  otherWraps: z.strictObject(wrapCounts).optional(),
  epochs: z.array(z.strictObject({ epoch: count, rows: count })),
  otherEpochs: count.optional(),
  /** Live rows that are not on the target, or below its epoch. */
  behind: count,
  /** Live rows above the epoch of the record. */
  ahead: count,
  unreadable: count,
  /** The first hundred. */
  unreadableRows: z.array(z.strictObject({ dekId: z.string(), error: reportedErrorSchema })),
  settled: z.boolean(),
});
