import { once } from 'node:events';
import type { AzureEmulators } from '../azure/emulators.js';
import type { Say } from './stage.js';

type Counts = Readonly<Record<string, number>>;

/** What only the servers know. */
export interface ServerFigures {
  readonly vaultRequests: Counts;
  /** Those that were granted, by MEK version. */
  readonly unwraps: Counts;
  readonly vaultRequestsWithoutToken: number;
  readonly vaultBodiesWithoutToken: number;
  readonly tokens: number;
  readonly cosmosRequests: Counts;
  readonly requestUnits: number;
}

/** In the process that runs the servers. */
export function serverFigures({ vault, cosmos }: AzureEmulators): ServerFigures {
  const { charges } = cosmos.account;
  const granted = vault.requests.filter(({ status }) => status === 200);
  const unwraps = granted.filter(({ operation }) => operation === 'unwrapKey');
  return {
    vaultRequests: counts(vault.requests.map(({ operation }) => operation)),
    unwraps: counts(unwraps.map(({ version }) => version)),
    vaultRequestsWithoutToken: vault.challenges,
    vaultBodiesWithoutToken: vault.unauthorizedBodies,
    tokens: vault.identityProvider.tokenRequests,
    cosmosRequests: counts(cosmos.requests.map(({ kind }) => kind)),
    requestUnits: cosmos.requests.reduce((sum, { kind }) => sum + (charges[kind] ?? 0), 0),
  };
}

/** In the process that it started. */
export async function askForServerFigures(): Promise<ServerFigures> {
  process.send?.('figures');
  const [figures] = (await once(process, 'message')) as [ServerFigures];
  return figures;
}

export function sayServerFigures(figures: ServerFigures, oldVersion: string, say: Say): void {
  const { vaultRequests, unwraps, tokens, cosmosRequests, requestUnits } = figures;
  const all = Object.values(unwraps).reduce((sum, count) => sum + count, 0);
  const underOld = unwraps[oldVersion] ?? 0;
  say('\n8. What the servers saw:');
  say(`   Key Vault: ${textOf(vaultRequests)}`);
  say(`   unwrapped: ${n(underOld)} under the old version, ${n(all - underOld)} under the new`);
  say(`   identity provider: ${n(tokens)} tokens`);
  say(`   Cosmos DB: ${textOf(cosmosRequests)}`);
  say(`   request units: ${n(requestUnits)}`);
}

/** The first few: the rest is small. */
function textOf(requests: Counts): string {
  const [shown, rest] = [Object.entries(requests).slice(0, 5), Object.values(requests).slice(5)];
  const others = rest.reduce((sum, count) => sum + count, 0);
  const texts = shown.map(([name, count]) => `${n(count)} ${name}`);
  return [...texts, ...(others > 0 ? [`${n(others)} others`] : [])].join(', ');
}

function n(count: number): string {
  return count.toLocaleString('en');
}

function counts(names: readonly string[]): Counts {
  const found = new Map<string, number>();
  for (const name of names) found.set(name, (found.get(name) ?? 0) + 1);
  return Object.fromEntries([...found].sort(([, one], [, other]) => other - one));
}
