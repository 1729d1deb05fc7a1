/** Why the live tests do not begin, for the person who started them. @module */

export class Refusal extends Error {
  override readonly name: string = 'Refusal';
}
