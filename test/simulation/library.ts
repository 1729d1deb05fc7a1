import type * as Source from '../../src/index.js';

/** What is simulated: the package's own `src`, or a copy of it. */
export type Library = typeof Source;
