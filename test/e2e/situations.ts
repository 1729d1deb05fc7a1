/** What has happened before a section of a runbook makes sense: `<!-- given: name -->` on a page. @module */
import { join } from 'node:path';
import { incidents } from './incidents/incident-situations.js';
import { keySituations } from './key-situations.js';
import { drillSituations } from './drill-situations.js';
import { addRelease } from './project-folder.js';
import { secretSituations } from './secret-situations.js';
import type { StoryWorld } from './story-world.js';

/** Resolves as soon as the situation is there. What it needs afterwards is in the world. */
export type Situation = (world: StoryWorld) => Promise<void> | void;

const DAY_MS = 86_400_000;

/** Of the field `createdBy` on its way in. */
const RELEASES = {
  '2.0': "fields: ['title', 'body', 'tags'],",
  '2.1': "fields: ['title', 'body', 'tags', 'createdBy'], stages: { createdBy: 'opening' },",
  '2.2': "fields: ['title', 'body', 'tags', 'createdBy'], stages: { createdBy: 'sealing' },",
  '2.3': "fields: ['title', 'body', 'tags', 'createdBy'],",
};

export const situations: Readonly<Record<string, Situation>> = {
  ...incidents,

  ...keySituations,
  ...drillSituations,
  ...secretSituations,
  /** In the registry, and in the folder RELEASES; 2.0 is what runs. */
  'releases-of-a-definition': (world) => {
    for (const [tag, definition] of Object.entries(RELEASES)) {
      world.cluster.addImage(tag, addRelease(world.folder, tag, definition));
    }
    world.shell.export({ RELEASES: join(world.folder, 'releases') });
  },

  /** For commands of the operator alone: the backend's clock stays. */
  'a-day-later': (world) => {
    world.shiftOperatorClock(DAY_MS + 60_000);
  },
  'thirty-days-later': (world) => {
    world.shiftOperatorClock(30 * DAY_MS);
  },
};
