/** What must hold when the chapters of a world are over. @module */
import { problemsIn, trailIn } from '../support/command-trail.js';
import type { StoryWorld } from './story-world.js';

/** @returns What is wrong; nothing where all is right. */
export async function problemsAtEnd(world: StoryWorld): Promise<readonly string[]> {
  await world.clients.stop();
  const { problems } = world.clients;
  const unread = await world.clients.readAll();
  const metrics = await scrape(world);
  await world.deployment.stop();
  return [
    ...problems.map((problem) => `A client: ${problem}`),
    ...unread.map((problem) => `An acknowledged write: ${problem}`),
    ...trailProblems(world),
    ...secretProblems(world, metrics),
  ];
}

async function scrape({ deployment }: StoryWorld): Promise<readonly string[]> {
  const { METRICS_TOKEN: token = '' } = deployment.env;
  const answers = deployment.replicas.map(async ({ address }) => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${address}/metrics`, { headers });
    return answer.text();
  });
  return Promise.all(answers);
}

function trailProblems({ folder }: StoryWorld): readonly string[] {
  const events = trailIn(folder);
  const problems = problemsIn(events).map((problem) => `The audit trail: ${problem}`);
  return events.length === 0 ? ['The audit trail is empty'] : problems;
}

function secretProblems(world: StoryWorld, metrics: readonly string[]): readonly string[] {
  const { collector, deployment, folder, printed, secrets } = world;
  for (const env of deployment.envs) secrets.addVariables(env);
  const channels = {
    'The log of the replicas': deployment.log.map((line) => JSON.stringify(line)),
    'What /metrics answers': metrics.filter((text) => text.includes('field_encrypt')),
    'The traces': bodiesOf(world, '/v1/traces'),
    'The exported metrics': bodiesOf(world, '/v1/metrics'),
    'What commands printed': printed,
  };
  return [
    ...secrets.problemsInChannels(channels),
    ...(collector.spans().length === 0 ? ['The traces: there is no span'] : []),
    ...secrets.problemsInText(deployment.stderr, 'The errors of the replicas'),
    ...secrets.problemsInFolder(folder),
  ];
}

function bodiesOf({ collector }: StoryWorld, path: string): readonly string[] {
  return collector.received.filter(({ url }) => url === path).map(({ body }) => body);
}
