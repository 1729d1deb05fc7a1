/** What the suites get from the process that took the containers for them. @module */
import { Ledger } from './ledger.js';
import { LiveAzure } from './live-azure.js';
import { readLiveSettings } from './live-settings.js';
import type { MekVersions } from './mek-versions.js';

/** Not to be set by hand. */
const RUN = 'FIELD_ENCRYPT_TEST_RUN';

/** As text, for the environment of the process that runs the suites. */
export interface LiveRunPlan extends MekVersions {
  readonly ledgerFile: string;
}

export interface LiveRun extends MekVersions {
  readonly azure: LiveAzure;
  readonly ledger: Ledger;
}

export function variablesFor(plan: LiveRunPlan): Record<string, string> {
  return { [RUN]: JSON.stringify(plan) };
}

/** @throws where it was not verified that the containers are empty ones for tests. */
export function joinLiveRun(): LiveRun {
  const text = process.env[RUN];
  if (text === undefined) throw new Error('Start the live tests by "npm run test:live"');
  const { ledgerFile, ...versions } = JSON.parse(text) as LiveRunPlan;
  const azure = new LiveAzure(readLiveSettings(process.env));
  return { azure, ledger: new Ledger(ledgerFile), ...versions };
}
