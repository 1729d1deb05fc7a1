import { canonicalJson, envWrap, liveRow, recordMacOf, sample, shreddedRow } from './format.mjs';
import { RECORD_KEY, rotationRecords } from './row-cases.mjs';
import { DECOMPOSED, EMOJI } from './sample-names.mjs';

const MEK = sample('mek 1');
const MOST = Number.MAX_SAFE_INTEGER;
const TIMES = { rewrappedAt: '2026-11-30T22:05:17.004Z', retiredAt: '2026-12-01T06:30:00.999Z' };

const AWKWARD = ['notes', `\ufb33${EMOJI}`, `${DECOMPOSED}\u0000\u001f"\\/\u007f\u2028`];

function row(name, parts, describe = () => ({})) {
  const dek = sample(`mac dek ${name}`);
  return [name, liveRow({ parts }, dek, { wrap: envWrap(MEK, dek), ...describe(dek) })];
}

function rows() {
  const previousWrap = (dek) => ({ ...envWrap(MEK, dek), epoch: MOST - 1 });
  const retired = (dek) => ({
    state: 'retired',
    epoch: MOST,
    ...TIMES,
    previousWrap: previousWrap(dek),
  });
  return [
    row('active row', ['notes', 'ws-1', 'note-1']),
    row('active row of an awkward place', AWKWARD),
    row('retired row with a previous wrap and the highest epoch', ['notes', 'ws-1', 'n'], retired),
    ['tombstone', shreddedRow({ parts: ['notes', 'ws-1', 'note-3'], generation: MOST })],
  ];
}

export function recordMacs() {
  const records = rotationRecords().filter(({ record }) => record.mac === undefined);
  const items = [...rows(), ...records.map(({ name, record }) => [`record: ${name}`, record])];
  return items.map(([name, item]) => {
    const { macKeyId, mac } = recordMacOf(RECORD_KEY, item);
    return { name, item, macKeyId, text: canonicalJson({ ...item, macKeyId }), mac };
  });
}
