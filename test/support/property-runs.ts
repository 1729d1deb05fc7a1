import fc from 'fast-check';
import { perLane } from './lane.js';

/** Property tests run longer in the slow lane; a failure prints its seed and path either way. */
fc.configureGlobal({ numRuns: perLane(10, 200) });
