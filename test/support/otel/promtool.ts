/** The checks of Prometheus itself, where a machine has them: `apt-get install prometheus`. */
import { spawnSync } from 'node:child_process';

export const hasPromtool: boolean = spawnSync('promtool', ['--version']).status === 0;
/** Behind the name of a test that is left out without it. */
export const NO_PROMTOOL: string = hasPromtool ? '' : ' (left out: there is no promtool here)';
