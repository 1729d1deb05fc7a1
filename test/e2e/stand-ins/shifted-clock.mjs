/** To be preloaded: the dates of the process are later by `E2E_CLOCK_SHIFT_MS`; its timers are not. @module */
const shift = Number(process.env['E2E_CLOCK_SHIFT_MS'] ?? 0);
const Original = Date;

globalThis.Date = class Date extends Original {
  constructor(...given) {
    if (given.length === 0) super(Original.now() + shift);
    else super(...given);
  }

  static now() {
    return Original.now() + shift;
  }
};
