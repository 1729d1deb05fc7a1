/** What a rotation works with. @module */
import type { MekReference } from '../format/key-wrap.js';
import type { RunContext } from '../run/run-context.js';
import type { DekOpening } from './dek-opening.js';
import type { RewrapRequest } from './rewrap-options.js';

export interface RotationContext extends RunContext {
  readonly target: MekReference;
  readonly request: RewrapRequest;
  /** @default each row's own wrap */
  readonly opening?: DekOpening | undefined;
}
