import fc from 'fast-check';

/** Property tests run longer in the slow lane; a failure prints its seed and path either way. */
fc.configureGlobal({ numRuns: process.env['SLOW'] === '1' ? 1_000 : 100 });
