/** Commands that are killed at a moment by chance, and are run again. @module */
import type { Ran } from './operator-shell.js';
import type { StoryWorld } from './story-world.js';

/** In one world: each one takes the time of a start. */
const MOST_REPLICAS = 5;

/** To the vault and the database, from when the command has begun to work: its own, and those of the service. */
const MOST_REQUESTS = 60;

/** @returns What the second run printed, or the first where it was over before. */
export async function runBeingKilled(world: StoryWorld, code: string): Promise<Ran> {
  const killed = new AbortController();
  let stopCounting = (): void => undefined;
  const ran = await world.shell.run(code, {
    killed: killed.signal,
    onFirstPrinted: () => {
      const count = world.random.int(1, MOST_REQUESTS);
      stopCounting = world.afterRequests(count, () => {
        killed.abort();
      });
    },
  });
  stopCounting();
  world.printed.push(ran.printed);
  if (!killed.signal.aborted || ran.exitCode !== 137) return ran;
  world.kills += 1;
  return world.shell.run(code);
}

/** Kills a replica while the block runs, at a moment by chance, and waits until another one is in its place. */
export async function killingReplica<T>(world: StoryWorld, work: () => Promise<T>): Promise<T> {
  let killed: Promise<void> | undefined;
  const stopCounting = world.afterRequests(world.random.int(1, MOST_REQUESTS), () => {
    world.clients.expectRefusals();
    world.replicasKilled += 1;
    killed = world.deployment.kill(world.random.int(0, 9));
  });
  try {
    return await work();
  } finally {
    stopCounting();
    await killed;
  }
}

/** A block that looks at the service would see the replica that is down. */
export function mayKillReplica({ replicasKilled, random }: StoryWorld, code: string): boolean {
  const commands = code.replaceAll('\\\n', ' ').split('\n');
  const isCommand = commands.every((line) => line.startsWith('npx encrypt-migrate '));
  if (!isCommand || replicasKilled >= MOST_REPLICAS) return false;
  return replicasKilled === 0 || random.chance(0.3);
}
