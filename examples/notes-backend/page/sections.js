/** What each section shows of the state. */
import { element, mark, numberText, shortVersion, show, table, tiles, time } from './elements.js';

const byId = (id) => document.getElementById(id);

export function showState(state) {
  byId('product').textContent = state.product;
  show(byId('steps'), state.nextSteps, (steps) => steps.map(step));
  show(byId('versions'), { rows: state.rows?.versions, rotation: state.rotation }, versions);
  show(byId('rotation'), rotationFacts(state), rotation);
  show(byId('reads'), readFacts(state), reads);
  show(byId('readiness'), state.readiness ?? null, readiness);
  show(byId('audit'), { tail: state.audit, isAudited: state.isAudited }, audit);
}

const LEVELS = {
  alarm: ['fail', 'Alarm'],
  act: ['warn', 'To do'],
  wait: ['unseen', 'Wait'],
  ok: ['ok', 'Fine'],
};

function step({ level, text, command }) {
  const [kind, word] = LEVELS[level];
  const parts = [element('p', {}, mark(kind, word), ' ', text)];
  if (command) parts.push(commandLine(command));
  return element('li', {}, ...parts);
}

function commandLine(command) {
  const copy = element('button', { type: 'button', 'aria-label': `Copy: ${command}` }, 'Copy');
  copy.addEventListener('click', async () => {
    const word = await navigator.clipboard.writeText(command).then(
      () => 'Copied',
      () => 'Select it',
    );
    copy.textContent = word;
    setTimeout(() => (copy.textContent = 'Copy'), 2_000);
  });
  return element('div', { class: 'command' }, element('code', {}, command), copy);
}

function versions({ rows = [], rotation: record }) {
  if (rows.length === 0) return [element('p', {}, 'There is no document key yet.')];
  const older = (version) => version.mekVersion === record?.earlierVersion;
  return [
    table(
      'Versions that any key names',
      ['Version', 'Provider', 'Keys', 'Earlier wraps kept', 'Role'],
      rows.map((each) => [
        element('code', { title: each.mekVersion }, each.mekVersion),
        `${each.keyProvider}/${each.mekName}`,
        each.live,
        each.previousWraps,
        each.isTarget ? mark('ok', 'current') : older(each) ? mark('unseen', 'earlier') : 'another',
      ]),
    ),
  ];
}

const STATES = {
  complete: ['ok', 'Complete'],
  fencing: ['unseen', 'Waits for writers'],
  rewrapping: ['warn', 'Under way'],
};

function rotationFacts({ rotation: record, rows, progress, counts }) {
  return { record, behind: rows?.behind, countedAt: rows?.at, progress, run: counts.run };
}

function rotation({ record, behind, countedAt, progress, run }) {
  if (!record) return [element('p', {}, 'There is no rotation record yet.')];
  const [kind, word] = STATES[record.state];
  const parts = [
    element(
      'p',
      {},
      mark(kind, word),
      ` Epoch ${numberText(record.epoch)}, to `,
      element('code', { title: record.mekVersion }, shortVersion(record.mekVersion)),
    ),
  ];
  if (progress) parts.push(...progressOf(progress));
  const facts = [['Begun', time(record.startedAt)]];
  if (record.completedAt) facts.push(['Completed', time(record.completedAt)]);
  else if (record.state === 'fencing') facts.push(['Fence', seconds(record.fenceTtlMs / 1_000)]);
  if (behind !== undefined) facts.push(['Keys left', numberText(behind)]);
  parts.push(tiles(facts));
  if (run) parts.push(runHere(run));
  if (countedAt) parts.push(element('p', { class: 'quiet' }, 'Counted at ', time(countedAt), '.'));
  return parts;
}

function progressOf({ done, of, perSecond, movedAt }) {
  const share = of === 0 ? 1 : done / of;
  const bar = element('progress', {
    max: String(Math.max(of, 1)),
    value: String(of === 0 ? 1 : done),
    'aria-label': 'Keys under the new version',
  });
  const speed = perSecond
    ? `, ${perSecond < 10 ? perSecond.toFixed(1) : numberText(Math.round(perSecond))} a second, about ${seconds((of - done) / perSecond)} left`
    : '';
  return [
    bar,
    element(
      'p',
      {},
      `${(Math.floor(share * 1_000) / 10).toFixed(1)} %: ${numberText(done)} of ${numberText(of)}${speed}. Last change at `,
      time(movedAt),
      '.',
    ),
  ];
}

function runHere({ run, event, left, vaultOps = 0, throttled = 0, failed = 0, errorCode, dryRun }) {
  const facts = [
    ['Last event', event],
    ['Left', left === undefined ? '–' : numberText(left)],
    ['Vault calls', numberText(vaultOps)],
    ['Throttled', numberText(throttled)],
    ['Failed', numberText(failed), errorCode ?? '', failed > 0 || errorCode ? 'fail' : ''],
  ];
  return element(
    'div',
    {},
    element('h3', {}, `${run}${dryRun ? ' (dry run)' : ''} in this process`),
    tiles(facts),
  );
}

function readFacts({ counts, rotation: record, readiness: report }) {
  const older = counts.unwraps.filter(({ mekVersion }) => mekVersion !== record?.mekVersion);
  return {
    counts: { ...counts, run: undefined },
    olderReads: record ? older.reduce((sum, { count }) => sum + count, 0) : 0,
    hasRun: counts.run !== undefined,
    plaintextReads: report?.plaintextReads,
    tampered: report?.alarms.tampered,
  };
}

function reads({ counts, olderReads, hasRun, plaintextReads, tampered }) {
  const { hit, miss, joined } = counts.cache;
  const asked = hit + miss + joined;
  const unwraps = counts.unwraps.reduce((sum, { count }) => sum + count, 0);
  const { failedUnwraps, throttles } = counts;
  const facts = [
    ['Under an older version', numberText(olderReads), `of ${numberText(unwraps)} unwraps`],
    [
      'Cache hits',
      asked === 0 ? '–' : `${((100 * hit) / asked).toFixed(1)} %`,
      `of ${numberText(asked)} asked`,
    ],
    ['Throttles', numberText(throttles), 'by the key service', throttles > 0 ? 'warn' : ''],
    ['Failed unwraps', numberText(failedUnwraps), '', failedUnwraps > 0 ? 'fail' : ''],
  ];
  if (plaintextReads !== undefined) {
    facts.push(['Plaintext reads', numberText(plaintextReads), 'since the start']);
    const kind = tampered > 0 ? 'fail' : '';
    facts.push(['Tampered', numberText(tampered), 'since the start', kind]);
  }
  const ofRun = hasRun ? ' Unwraps of the run in this process are among them.' : '';
  const note = element('p', { class: 'quiet' }, 'Counted since ', time(counts.since), `.${ofRun}`);
  return [tiles(facts), note];
}

function readiness(report) {
  if (!report) return [element('p', {}, 'Being checked.')];
  const { ready, checks, encryption, cache, warnings, information } = report;
  const found = [...warnings, ...information];
  const authentication = encryption.recordAuthentication ?? 'unknown';
  return [
    element(
      'p',
      {},
      ready ? mark('ok', 'Ready') : mark('fail', 'Not ready'),
      ` Mode ${encryption.mode}, record authentication ${authentication}, ${numberText(cache.entries)} keys in memory.`,
    ),
    table(
      'Checks',
      ['Check', 'Result', 'Milliseconds'],
      checks.map(({ name, ok, code, durationMs }) => [
        name,
        ok ? mark('ok', 'ok') : mark('fail', code ?? 'failed'),
        durationMs < 10 ? Math.round(durationMs * 10) / 10 : Math.round(durationMs),
      ]),
    ),
    ...found.map(({ code, message }) =>
      element('p', { class: 'quiet' }, element('code', {}, code), ` ${message}`),
    ),
  ];
}

const KINDS = [
  [/failed|refused/, 'fail'],
  [/stopped|taken-over|shredded/, 'warn'],
  [/finished|checked/, 'ok'],
];

function audit({ tail, isAudited }) {
  if (!isAudited) return [element('p', {}, 'There is none: set AUDIT_FILE.')];
  if (!tail) return [element('p', {}, 'Being read.')];
  const parts = [];
  if (tail.failure) {
    parts.push(element('p', {}, mark('fail', tail.failure), ' The file cannot be read.'));
  }
  if (tail.events.length === 0) return [...parts, element('p', {}, 'Nothing is recorded yet.')];
  const rows = tail.events.map(({ time: at, what, name, errorCode, user }) => [
    time(at),
    mark(KINDS.find(([pattern]) => pattern.test(what))?.[1] ?? 'unseen', what),
    [name, errorCode].filter(Boolean).join(': '),
    user ?? '',
  ]);
  return [...parts, table('Newest first', ['Time', 'Event', 'Of', 'By'], rows)];
}

function seconds(value) {
  if (value < 1) return 'less than a second';
  if (value < 90) return `${Math.round(value)} s`;
  const minutes = value / 60;
  return minutes < 90 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}
