/** A real browser for pages, where the machine has one: `npm run browser:install` installs it. @module */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The executable of `CHROMIUM`, or one in a usual place. */
export const browserFile: string | undefined =
  process.env['CHROMIUM'] ?? PLACES.find((place) => existsSync(place));

/** It asks the network for nothing by itself. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    ...(browserFile !== undefined && { executablePath: browserFile }),
    args: [
      // Tests run as root in containers, where Chromium's own sandbox cannot be set up.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
