/** What every event of a run may say of its price. @module */

export interface ChargedEvent {
  /**
   * Request units that the run spent since the event before, on whatever was under way: the events’
   * charges add up to the summary’s. Absent where the store reported none.
   */
  readonly requestCharge?: number;
}
