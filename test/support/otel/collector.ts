/** A collector on loopback until the test is over. @module */
import { onTestFinished } from 'vitest';
import { Collector } from './collector-server.js';

export { Collector, type Received, type ReceivedSpan } from './collector-server.js';

export async function startCollector(): Promise<Collector> {
  const collector = new Collector();
  await collector.listen();
  onTestFinished(() => {
    collector.stop();
  });
  return collector;
}
