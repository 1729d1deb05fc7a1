import type { ContractCase } from '../../src/testing/index.js';
import { perLane } from './lane.js';

/** In the fast lane the first case of each rule, for what runs the same kit in full elsewhere; in the slow lane all. */
export function someOfEachRule(cases: readonly ContractCase[]): readonly ContractCase[] {
  const isFirst = ({ rule }: ContractCase, at: number): boolean =>
    cases.findIndex((each) => each.rule === rule) === at;
  return perLane(cases.filter(isFirst), cases);
}
