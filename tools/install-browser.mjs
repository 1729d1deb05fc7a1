/**
 * Installs Chromium by the package manager of Debian where there is no browser, for the tests that open reports in
 * one. Where it cannot be installed, these tests are skipped, and this says so.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const CHROMIUM = '/usr/bin/chromium';

if (process.env['CHROMIUM'] !== undefined || existsSync(CHROMIUM)) {
  console.log('A browser is there');
} else if (!existsSync('/usr/bin/apt-get') || process.getuid?.() !== 0) {
  console.log(`No browser: install Chromium, or name one in the variable CHROMIUM`);
} else {
  const apt = (...args) => execFileSync('apt-get', ['-qq', ...args], { stdio: 'inherit' });
  try {
    apt('update');
    apt('install', '-y', '--no-install-recommends', 'chromium');
  } catch (error) {
    console.log(`No browser: Chromium cannot be installed (${error.message})`);
  }
}
