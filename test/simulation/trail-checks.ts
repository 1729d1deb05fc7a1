import { equal, ok } from 'node:assert/strict';
import type { AuditEvent, AuditSink } from '../../src/index.js';
import { whatOf } from '../support/audit-schemas.js';
import type { FakeDekStore } from './fake-dek-store.js';
import type { Secrecy } from './secrecy.js';
import type { SimProcess } from './sim-process.js';
import { forEver } from './wire.js';

interface Operation {
  readonly id: string;
}

const ENDS = ['operation.finished', 'operation.stopped', 'operation.refused', 'operation.failed'];

/** The audit trail of every process: what a crashed one had not written yet is lost. */
export class TrailChecks {
  readonly #events = new Map<SimProcess, AuditEvent[]>();

  sinkOf(process: SimProcess): AuditSink {
    const events: AuditEvent[] = [];
    this.#events.set(process, events);
    return {
      write: async (event) => {
        if (!process.isAlive) await forEver();
        events.push(event);
      },
    };
  }

  /** The events of one seed, in all. */
  get count(): number {
    return [...this.#events.values()].reduce((sum, { length }) => sum + length, 0);
  }

  check(dekStore: FakeDekStore, secrecy: Secrecy): void {
    for (const [process, events] of this.#events) {
      for (const event of events) secrecy.hears(event);
      requireInOrder(events);
      requireEnds(process, events);
    }
    this.#requireShredsNamed(dekStore);
  }

  /** A tombstone is named before it is written. */
  #requireShredsNamed(dekStore: FakeDekStore): void {
    const all = [...this.#events.values()].flat();
    const named = all.flatMap(
      ({ data }) => (data['dekIds'] as readonly string[] | undefined) ?? [],
    );
    const ids = new Set(named);
    for (const [id, { row }] of dekStore.rows) {
      ok(row.state !== 'shredded' || ids.has(id), `The trail does not name ${id}, a tombstone`);
    }
  }
}

function requireInOrder(events: readonly AuditEvent[]): void {
  for (const [index, { sequence }] of events.entries()) {
    equal(Number(sequence), index + 1, 'The sequence of the trail has a gap');
  }
}

/** Each start has one end, unless its process has crashed. */
function requireEnds(process: SimProcess, events: readonly AuditEvent[]): void {
  const open = new Set<string>();
  for (const event of events) {
    const { id } = (event.data['operation'] ?? {}) as Partial<Operation>;
    const what = whatOf(event);
    if (id !== undefined && what === 'operation.started') open.add(id);
    if (id === undefined || !ENDS.includes(what)) continue;
    ok(open.delete(id), `The trail has an end of ${process.name} without a start`);
  }
  ok(!process.isAlive || open.size === 0, `The trail lacks an end of ${process.name}`);
}
