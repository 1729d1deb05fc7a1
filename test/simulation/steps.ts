import { ok } from 'node:assert/strict';
import type { DekRow, KeyWrap, RotationRecord, StoredItem } from '../../src/adapters.js';
import { nameOf } from '../support/rotation/meks.js';
import { codeOf } from './explanations.js';
import type { SimProcess } from './sim-process.js';
import type { Simulation } from './simulation.js';
import { isWrite, type Call, type Outcome, type WireHooks } from './wire.js';

/** Looks at each step of each call: writes it down, and has it checked. */
export class Steps implements WireHooks {
  /** Everything that happened, without a key or a nonce. */
  readonly log: string[] = [];
  vaultCalls = 0;
  readonly #sim: Simulation;

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  onSend(call: Call): void {
    this.#check(() => {
      this.#sent(call);
    });
  }

  onExecuted(call: Call, outcome: Outcome): void {
    this.#check(() => {
      this.#executed(call, outcome);
    });
  }

  onDelivered(call: Call, outcome: Outcome): void {
    this.#check(() => {
      this.#delivered(call, outcome);
    });
  }

  onCrash(process: SimProcess): void {
    this.#sim.tally.add('crashes', true);
    this.#sim.kill(process);
  }

  write({ name }: SimProcess, what: string): void {
    this.log.push(`${String(this.#nowMs)} ${name} ${what}`);
  }

  get #nowMs(): number {
    return this.#sim.timeline.nowMs;
  }

  /** Not in the way of the call, whose caller might take it for a failure of the service. */
  #check(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#sim.fail(error);
    }
  }

  #sent(call: Call): void {
    const { process, subject, method, args } = call;
    this.write(process, `sends ${describe(call)}`);
    ok(!process.isIdle, `I9: ${process.name} goes on though its iterator has ended`);
    const isBeginning = method === 'list' || subject === 'provider';
    ok(!process.isAborted || !isBeginning, `I17: ${process.name} begins anew after it was aborted`);
    if (process.isRehearsing) ok(!isWrite(method), `I7: a dry run of ${process.name} writes`);
    if (method === 'unwrapKey') this.#sentUnwrap(process, args[0] as KeyWrap);
    if (method === 'wrapKey' || method === 'unwrapKey') this.vaultCalls += 1;
    if (subject === 'store' && method === 'get') {
      const dekId = args[0] as string;
      if (process.refused.has(dekId)) process.readAgain.add(dekId);
    }
    if (subject === 'store') this.#requireMac(call);
    if (subject === 'store') this.#sim.rows.onSend(call);
    if (subject === 'documents') this.#sim.documentChecks.onSend(call);
    if (process.operation?.hasLanded && isWrite(method) && subject === 'documents') {
      this.#sim.tally.add('writes that were sealed again', true);
    }
  }

  /** I14: who has the record key writes no record without a mac. */
  #requireMac({ process, method, args }: Call): void {
    if (
      !this.#sim.weather.hasRecordKey ||
      !/^(create|replace)(Rotation|Reencryption)?$/.test(method)
    )
      return;
    ok('mac' in (args[0] as object), `I14: ${process.name} sends a record without a mac`);
  }

  /** I16: of concurrent misses one asks the vault. */
  #sentUnwrap(process: SimProcess, wrap: KeyWrap): void {
    const dekId = this.#sim.rows.dekIdOf(wrap);
    if (dekId !== undefined) process.hadDekAtMs.set(dekId, this.#nowMs);
    if (process.role !== 'reader') return;
    const isWaiting = process.unwrapping.has(wrap.wrappedDek);
    ok(!isWaiting, `I16: ${process.name} unwraps ${dekId ?? 'a DEK'} twice at once`);
    process.unwrapping.add(wrap.wrappedDek);
  }

  #executed(call: Call, outcome: Outcome): void {
    const { process, subject, method } = call;
    const code = outcome.ok ? undefined : codeOf(outcome.error);
    this.write(process, `did ${describe(call)}: ${call.fault ?? ''} ${code ?? 'ok'}`);
    if (code === 'ETAG_MISMATCH') this.#sim.tally.add(`lost races over a ${raceOf(call)}`, true);
    if (call.fault) this.#sim.tally.add(`answers that were ${call.fault}`, true);
    if (!process.isAlive && isWrite(method) && outcome.ok) {
      this.#sim.tally.add('writes that landed after their process', true);
    }
    if (method === 'unwrapKey' && outcome.ok) {
      process.unwrapped.add((call.args[0] as KeyWrap).wrappedDek);
    }
    if (method === 'wrapKey' && outcome.ok && this.#sim.rows.holds(call.args[0] as Uint8Array)) {
      process.wrapped.add((outcome.value as KeyWrap).wrappedDek);
    }
    if (subject === 'documents' && outcome.ok) this.#sim.documentChecks.onExecuted(call);
    if (subject !== 'store') return;
    this.#sim.rows.onExecuted(call, outcome.ok ? outcome.value : undefined, code);
    if (outcome.ok && method === 'getRotation') this.#readRecord(process, outcome.value);
    if (outcome.ok && /^(create|replace)$/.test(method)) this.#requireInUse(call);
    if (outcome.ok && /^(create|replace)$/.test(method)) {
      this.#moved(call, call.args[0] as DekRow);
    }
    if (outcome.ok && method === 'replaceRotation') {
      this.#beganOrWentOn(call.args[0] as RotationRecord);
    }
  }

  #moved({ process, method }: Call, row: DekRow): void {
    if (row.state === 'active') return;
    this.#sim.tally.add('ids that a shred took from a create', method === 'create');
    const isOnPurpose = process.role === 'operator' || process.role === 'shredder';
    if (row.state === 'shredded' && isOnPurpose) this.#sim.erased.add(row.id);
    else if (row.state === 'shredded') this.#sim.documentChecks.requireUnused(row.id);
    this.#sim.tally.add(`DEKs that were ${row.state}`, true);
  }

  #readRecord(process: SimProcess, value: unknown): void {
    const { epoch } = ((value as StoredItem | undefined)?.value ?? {}) as Partial<RotationRecord>;
    if (epoch !== this.#sim.dekStore.record?.epoch) process.lateRecords += 1;
  }

  /** I11: no row starts to need a version that a census found out of use. */
  #requireInUse({ method, args, sentAtMs }: Call): void {
    const row = args[0] as DekRow;
    const sinceMs = row.state === 'shredded' ? undefined : this.#sim.outOfUse.get(row.mekVersion);
    if (row.state === 'shredded' || sinceMs === undefined) return;
    const isTarget = this.#sim.dekStore.record?.mekVersion === row.mekVersion;
    const isOnItsWay = method !== 'create' || sentAtMs <= sinceMs;
    const isLate = isOnItsWay && this.#sim.rows.lateCreates.has(row.id);
    ok(isTarget || isLate, `I11: ${row.id} needs ${nameOf(row)}, which was out of use`);
  }

  #beganOrWentOn({ state, history, mekVersion }: RotationRecord): void {
    if (state === 'complete') this.#sim.tally.add('rotations that came to their end', true);
    if (state !== 'fencing') return;
    const isBack = history.some((each) => each.mekVersion === mekVersion);
    this.#sim.tally.add('rollbacks', isBack);
    this.#sim.tally.add('takeovers', history.at(-1)?.completedAt === undefined);
  }

  #delivered(call: Call, outcome: Outcome): void {
    const { process, method, args, sentAtMs } = call;
    if (call.fault) process.faults += 1;
    if (method === 'unwrapKey') process.unwrapping.delete((args[0] as KeyWrap).wrappedDek);
    if (!outcome.ok) {
      this.#met(call, codeOf(outcome.error));
      return;
    }
    if (method.endsWith('Rotation')) this.#sawRecord(process, outcome.value, sentAtMs, method);
    if (method === 'create' && call.subject === 'store') {
      const { id } = args[0] as DekRow;
      process.hadDekAtMs.set(id, sentAtMs);
      if (!process.hasFreshRecord(this.#nowMs)) process.lateRows.set(id, this.#nowMs);
    }
    if (call.subject === 'documents') this.#landed(call);
    if (call.subject === 'store') this.#sawRows(process, outcome.value, sentAtMs);
  }

  /** Acknowledged later than the row allows for: it has to be read again. */
  #landed({ process, sealed }: Call): void {
    for (const [ct, dekId] of sealed) {
      const sawAtMs = process.sawActiveAtMs.get(dekId) ?? -Infinity;
      const isGood = process.mayActOn(this.#nowMs - sawAtMs, this.#nowMs);
      if (!isGood) process.toConfirm.set(ct, { dekId, atMs: this.#nowMs });
    }
  }

  #met({ process, method, args }: Call, code: string): void {
    if (method === 'unwrapKey' && code.startsWith('MEK_')) {
      process.refused.add(this.#sim.rows.dekIdOf(args[0] as KeyWrap) ?? '');
    }
    this.#sim.tally.add('disabled MEK versions that were met', code === 'MEK_DISABLED');
    this.#sim.tally.add('unknown MEK versions that were met', code === 'MEK_VERSION_UNKNOWN');
  }

  #sawRecord(process: SimProcess, value: unknown, sentAtMs: number, method: string): void {
    const record = (value as StoredItem | undefined)?.value as RotationRecord | undefined;
    if (!record) return;
    if (method === 'getRotation') {
      process.readRecord(sentAtMs, record.fenceTtlMs);
      process.recordToldAtMs = this.#nowMs;
    }
    if (record.state === 'complete') process.toldCompleteAtMs = this.#nowMs;
    const isNew = record.state === 'fencing' && !process.sawFencingAtMs.has(record.epoch);
    if (isNew) process.sawFencingAtMs.set(record.epoch, this.#nowMs);
  }

  #sawRows(process: SimProcess, value: unknown, sentAtMs: number): void {
    const items = Array.isArray(value) ? (value as readonly StoredItem[]) : [value as StoredItem];
    for (const item of items) {
      const row = (item as StoredItem | undefined)?.value as Partial<DekRow> | undefined;
      if (row?.state !== 'active' || row.id === undefined) continue;
      const before = process.sawActiveAtMs.get(row.id) ?? -Infinity;
      process.sawActiveAtMs.set(row.id, Math.max(before, sentAtMs));
    }
  }
}

function raceOf({ subject, method }: Call): string {
  if (subject === 'documents') return 'document';
  return method === 'replace' ? 'row' : method.replace('replace', '').toLowerCase();
}

/** By names that are the same in every run. */
function describe({ subject, method, args }: Call): string {
  const [first] = args as readonly (Partial<DekRow & KeyWrap> | Uint8Array | string | undefined)[];
  const what = `${subject}.${method}`;
  if (typeof first === 'string') return `${what} ${first}`;
  if (first === undefined || first instanceof Uint8Array) return what;
  return `${what} ${first.id ?? first.mekVersion ?? ''}`;
}
