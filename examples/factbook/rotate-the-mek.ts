import {
  rewrapAllDeks,
  takeCensus,
  type Census,
  type FieldEncryptor,
  type RewrapSummary,
} from '@bytelyst/field-encrypt';
import { LiveTraffic, type TrafficReport } from './live-traffic.js';
import { openNotebook } from './notebook.js';
import { ProgressDisplay } from './progress-display.js';
import type { Say, Stage } from './stage.js';

export interface Rotation {
  readonly oldVersion: string;
  readonly newVersion: string;
  readonly summary: RewrapSummary;
  readonly census: Census;
  readonly traffic: TrafficReport;
}

/** The fourth act: rotates to a new MEK version while a second process reads and writes. */
export async function rotateTheMek(stage: Stage): Promise<Rotation> {
  const { setting, journal, say } = stage;
  const { place, cachedKeys } = setting;
  const bothKeys = await setting.addNewKey();
  const { encryptor, close } = await openNotebook(place, bothKeys);
  const [oldVersion, newVersion] = await versionsOf(encryptor);
  say(`\n4. Rotating from ${short(oldVersion)} to ${short(newVersion)}, while a second process`);
  say(`   that has both, and caches ${String(cachedKeys)} keys at most, reads and writes …`);
  const env = { ...bothKeys, FIELD_ENCRYPT_CACHE_MAX_ENTRIES: String(cachedKeys) };
  const secondProcess = await LiveTraffic.start(place, journal, env);
  const display = new ProgressDisplay(stage);
  const summary = await rotate(encryptor, newVersion, secondProcess, display);
  const traffic = await secondProcess.stop();
  const { requestCharge } = summary;
  if (requestCharge !== undefined)
    say(`   rotation: ${requestCharge.toLocaleString('en')} request units`);
  say(`   second process: ${JSON.stringify(traffic)}`);

  say('\n5. Census:');
  const census = await takeCensus(encryptor);
  showCensus(census, newVersion, say);
  close();
  return { oldVersion, newVersion, summary, census, traffic };
}

/** Until the rotation begins, the rotation record names the old version, whatever is configured. */
async function versionsOf(encryptor: FieldEncryptor): Promise<[from: string, to: string]> {
  const { rotation } = await takeCensus(encryptor);
  const [provider] = encryptor.keyProviders;
  if (!rotation || !provider) throw new Error('There is nothing to rotate');
  return [rotation.mekVersion, await provider.currentVersion()];
}

async function rotate(
  encryptor: FieldEncryptor,
  mekVersion: string,
  traffic: LiveTraffic,
  display: ProgressDisplay,
): Promise<RewrapSummary> {
  const options = { target: { mekVersion }, signal: traffic.ended };
  try {
    for await (const event of rewrapAllDeks(encryptor, options)) {
      display.show(event);
      if (event.type === 'begun') traffic.mark('begun');
      if (event.type !== 'finished') continue;
      traffic.mark('finished');
      return event.summary;
    }
  } finally {
    display.close();
  }
  throw new Error('The rotation ended without a summary');
}

function showCensus({ wraps }: Census, newVersion: string, say: Say): void {
  for (const { mekVersion, active, retired, previousWraps } of wraps) {
    const which = mekVersion === newVersion ? 'new' : 'old';
    const keys = `${String(active + retired)} keys, ${String(previousWraps)} earlier wraps kept`;
    say(`   ${which} version ${mekVersion}: ${keys}`);
  }
}

/** Versions of a key vault are too long for a sentence. */
function short(mekVersion: string): string {
  return mekVersion.length <= 24 ? mekVersion : `${mekVersion.slice(0, 8)}…`;
}
