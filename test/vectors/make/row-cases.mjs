import {
  PRODUCT,
  akvWrap,
  envVersion,
  envWrap,
  hex,
  liveRow,
  recoveryWrap,
  sample,
  shreddedRow,
  withMac,
} from './format.mjs';
import { AKV_VERSIONS, COMPOSED, EMOJI } from './sample-names.mjs';

const MEK_1 = sample('mek 1');
const MEK_2 = sample('mek 2');
const REWRAPPED_AT = '2026-11-30T22:05:17.004Z';
const RETIRED_AT = '2026-12-01T06:30:00.999Z';

export const RECORD_KEY = sample('record key');

export const MEKS = [MEK_1, MEK_2].map((mek) => {
  return { mekHex: hex(mek), mekVersion: envVersion(mek) };
});

const note = (id, generation) => ({ parts: ['notes', 'ws-1', id], generation });

function live(name, place, describe, finish = (row) => row) {
  const dek = sample(`row dek ${name}`);
  return { name, dekHex: hex(dek), row: finish(liveRow(place, dek, describe(dek))) };
}

const fromEnv = (dek) => ({ wrap: envWrap(MEK_1, dek) });

function rewrapped(dek, wrap) {
  const previousWrap = { ...envWrap(MEK_1, dek), epoch: 1 };
  return { wrap, epoch: 2, rewrappedAt: REWRAPPED_AT, previousWrap };
}

function activeRows(rsa) {
  const toEnv = (dek) => rewrapped(dek, envWrap(MEK_2, dek));
  const toAkv = (dek) => rewrapped(dek, akvWrap(rsa, dek, AKV_VERSIONS[0]));
  const onAkv = (dek) => ({ wrap: akvWrap(rsa, dek, AKV_VERSIONS[1]), epoch: 3 });
  const recoverable = (dek) => ({ ...fromEnv(dek), recoveryWrap: recoveryWrap(rsa, dek) });
  const workspace = { kind: 'shared', parts: ['workspace', 'ws-1'] };
  return [
    live('active, env', note('note-1'), fromEnv),
    live('active, env, shared scope', workspace, fromEnv),
    live('active, env, highest generation', note('note-2', Number.MAX_SAFE_INTEGER), fromEnv),
    live('active, env, rewrapped', note('note-3'), toEnv),
    live('active, rewrapped from env to akv', note('note-4'), toAkv),
    live('active, env, with recovery wrap', note('note-5'), recoverable),
    live('active, akv', note('note-6'), onAkv),
  ];
}

function retired(rsa, dek) {
  const { previousWrap, ...wrapped } = rewrapped(dek, envWrap(MEK_2, dek));
  const ends = { retiredAt: RETIRED_AT, previousWrap, recoveryWrap: recoveryWrap(rsa, dek) };
  return { state: 'retired', ...wrapped, ...ends };
}

function endedRows(rsa) {
  const plainly = (dek) => ({ state: 'retired', ...fromEnv(dek), retiredAt: RETIRED_AT });
  return [
    live('retired', note('note-7'), plainly),
    live('retired, rewrapped, with recovery wrap', note('note-8'), (dek) => retired(rsa, dek)),
    { name: 'shredded', row: shreddedRow(note('note-9')) },
  ];
}

function rowsWithMac(rsa) {
  const sealed = (row) => withMac(RECORD_KEY, row);
  // Text on which canonical JSON and an ordinary serialiser are most likely to part.
  const awkward = { parts: ['notes', COMPOSED, `${EMOJI}\u0007"\\/\u007f\u2028`] };
  const wrapped = (dek) => rewrapped(dek, envWrap(MEK_2, dek));
  const full = (dek) => ({ ...wrapped(dek), recoveryWrap: recoveryWrap(rsa, dek) });
  return [
    live('active, with mac', note('note-10'), fromEnv, sealed),
    live('active, rewrapped, with recovery wrap and mac', awkward, full, sealed),
    live('retired, with mac', note('note-11', 2), (dek) => retired(rsa, dek), sealed),
    { name: 'shredded, with mac', row: sealed(shreddedRow(note('note-12', 3))) },
  ];
}

export function dekRows(rsa) {
  return [...activeRows(rsa), ...endedRows(rsa), ...rowsWithMac(rsa)];
}

function underKek(dek, epoch) {
  const { wrappedDek, wrapAlgorithm } = envWrap(MEK_1, dek);
  return { wrappedDek, wrapAlgorithm, kekId: `${hex(sample('kek', 16))}.1`, epoch };
}

export function unsupportedRows() {
  const place = note('note-1');
  const dek = sample('unsupported dek');
  const row = liveRow(place, dek, fromEnv(dek));
  const moved = liveRow(place, dek, rewrapped(dek, envWrap(MEK_2, dek)));
  const kekWrap = underKek(dek, 1);
  return [
    { name: 'type kek', row: { ...row, type: 'kek' } },
    { name: 'unknown type', row: { ...row, type: 'note' } },
    { name: 'unknown state', row: { ...row, state: 'paused' } },
    { name: 'schema 2', row: { ...row, schema: 2 } },
    { name: 'extra property', row: { ...row, priority: 'high' } },
    { name: 'extra property on a tombstone', row: { ...shreddedRow(place), priority: 'high' } },
    { name: 'extra property in previousWrap', row: withPrevious(moved, { priority: 'high' }) },
    { name: 'wrap with kekId', row: liveRow(place, dek, { wrap: kekWrap }) },
    { name: 'previousWrap with kekId', row: { ...moved, previousWrap: kekWrap } },
  ];
}

function withPrevious(row, more) {
  return { ...row, previousWrap: { ...row.previousWrap, ...more } };
}

const ENV_1 = { keyProvider: 'env', mekName: 'env', mekVersion: envVersion(MEK_1) };
const onVault = (mekVersion) => ({ keyProvider: 'akv', mekName: 'notelett-mek', mekVersion });

const PAST = [
  {
    epoch: 1,
    ...ENV_1,
    startedAt: '2026-11-23T10:00:00.000Z',
    completedAt: '2026-11-23T10:00:00.000Z',
  },
  {
    epoch: 2,
    ...onVault(AKV_VERSIONS[0]),
    startedAt: '2026-11-30T22:00:00.000Z',
    completedAt: '2026-11-30T22:41:09.317Z',
  },
  // Taken over before it was finished.
  { epoch: 3, ...onVault(AKV_VERSIONS[1]), startedAt: '2026-12-14T03:00:00.000Z' },
];

function rotationRecord({
  epoch,
  target,
  state,
  fence = { fenceTtlMs: 30_000 },
  floor = 1,
  ...times
}) {
  const identity = { id: 'rotation', scopeId: `rotation:${PRODUCT}`, type: 'rotation', schema: 1 };
  const history = PAST.slice(0, epoch - 1);
  const settings = { ...fence, generationFloor: floor };
  return { ...identity, product: PRODUCT, epoch, ...target, state, ...settings, ...times, history };
}

export function rotationRecords() {
  const { startedAt, completedAt } = PAST[0];
  const second = { epoch: 2, target: onVault(AKV_VERSIONS[0]), startedAt: PAST[1].startedAt };
  const fencedAt = '2026-11-30T22:00:30.112Z';
  const fourth = {
    epoch: 4,
    target: onVault(AKV_VERSIONS[0]),
    startedAt: '2026-12-14T09:20:00.500Z',
  };
  const fenced = { fencedAt: '2026-12-14T09:21:00.600Z', completedAt: '2026-12-14T10:02:44.871Z' };
  const fence = { fenceTtlMs: 10_000, drainTtlMs: 60_000 };
  const first = { epoch: 1, target: ENV_1, state: 'complete', startedAt, completedAt };
  const last = { ...fourth, ...fenced, state: 'complete', fence, floor: 7 };
  const list = [
    ['complete at epoch 1', rotationRecord(first)],
    ['fencing', rotationRecord({ ...second, state: 'fencing' })],
    ['rewrapping', rotationRecord({ ...second, state: 'rewrapping', fencedAt })],
    ['complete with history and drainTtlMs', rotationRecord(last)],
    ['complete with history, drainTtlMs and mac', withMac(RECORD_KEY, rotationRecord(last))],
  ];
  return list.map(([name, record]) => ({ name, record }));
}

export function leases() {
  const identity = { id: 'lease:notes', scopeId: `lease:${PRODUCT}`, type: 'lease', schema: 1 };
  const holder = {
    product: PRODUCT,
    kind: 'backfill',
    owner: '7d3c1e52-8a4b-4f60-9b1e-2f6c0a9d8e71',
  };
  const times = { heartbeatAt: '2026-11-23T10:00:00.000Z', expiresAt: '2026-11-23T10:01:00.000Z' };
  return [{ name: 'backfill of notes', lease: { ...identity, ...holder, ...times } }];
}
