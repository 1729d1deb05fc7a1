/** Rotations that were killed: within the fence, and in its middle. @module */
import type { RecordedRequest } from '../../support/azure/cosmos-server.js';
import type { StoryWorld } from '../story-world.js';

const MEK_NAME = 'notelett-mek';
const ROW = /^[0-9a-f]{32}\.\d+$/;

/** Before the write that ends the fence. */
export async function rotationInItsFence(world: StoryWorld): Promise<void> {
  await killedBefore(world, await newVersion(world), {
    on: ({ kind, id }) => kind === 'replace' && id === 'rotation',
    skip: 1,
  });
}

/** Where the operator has made a version that is not in use, the rotation is to that one. */
export async function rotationHalfWay(world: StoryWorld): Promise<void> {
  const made = await world.shell.valueOf('NEW');
  if (made !== undefined && (await isComplete(world, made))) return;
  let records = 0;
  await killedBefore(world, made ?? (await newVersion(world)), {
    // Deletions of notes replace rows too, also before it has begun.
    on: ({ kind, id = '' }) => {
      if (kind !== 'replace') return false;
      if (id === 'rotation') records += 1;
      return records >= 2 && ROW.test(id);
    },
    skip: world.random.int(2, 10),
  });
}

/** The rotation is run to its end. @returns Its version. */
export async function rotated(world: StoryWorld): Promise<string> {
  const version = await newVersion(world);
  const { exitCode, printed } = await world.shell.run(commandFor(version));
  if (exitCode !== 0) throw new Error(`The rotation failed: ${printed}`);
  return version;
}

export function newVersion({ azure }: StoryWorld): Promise<string> {
  return azure.vault.rotateKey(MEK_NAME);
}

async function isComplete(world: StoryWorld, version: string): Promise<boolean> {
  const { printed } = await world.query(
    'SELECT VALUE c FROM c WHERE c.id = "rotation"',
    'dek_store',
  );
  const { mekVersion, state } = JSON.parse(printed) as Record<string, unknown>;
  return mekVersion === version && state === 'complete';
}

interface Moment {
  readonly on: (request: RecordedRequest) => boolean;
  readonly skip: number;
}

async function killedBefore(world: StoryWorld, version: string, moment: Moment): Promise<void> {
  const killed = new AbortController();
  world.azure.cosmos.script({
    ...moment,
    // Where it is a request of the service, that one sends it again.
    resetBefore: true,
    meanwhile: () => {
      killed.abort();
      return Promise.resolve();
    },
  });
  await world.shell.run(commandFor(version), { killed: killed.signal });
  world.azure.cosmos.clearScript();
}

function commandFor(version: string): string {
  return `npx encrypt-migrate rewrap-deks --product notelett --concurrency 1 --new-mek-version ${version}`;
}
