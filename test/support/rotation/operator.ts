import {
  rewrapAllDeks,
  rollbackRotation,
  type FieldEncryptor,
  type RewrapAllDeksOptions,
  type RewrapEvent,
  type RewrapSummary,
} from '../../../src/index.js';
import { ALL_MEKS, type MekName } from './meks.js';

/** What a rotation is asked to do, and whether it goes forth or back. */
export interface RotateOptions extends RewrapAllDeksOptions {
  readonly back?: boolean;
}

/** Who rotates, and with which keys. */
export interface Operator {
  readonly keys: readonly MekName[];
  readonly rotate: (
    encryptor: FieldEncryptor,
    options: RewrapAllDeksOptions,
    back: boolean,
  ) => AsyncGenerator<RewrapEvent, RewrapSummary, void>;
}

export const USUAL_OPERATOR: Operator = {
  keys: ALL_MEKS,
  rotate: (encryptor, own, back) => {
    const options = { ...own, allowEmpty: true };
    return back ? rollbackRotation(encryptor, options) : rewrapAllDeks(encryptor, options);
  },
};
