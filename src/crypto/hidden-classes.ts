/** Keeps the compiled code of sealing and opening. @module */

const kept: object[] = [];

/**
 * Keeps an object of each class that the hot path creates. V8 throws compiled code away when a full garbage
 * collection finds no object of a hidden class that the code was compiled for, and between two documents there
 * is none: after each full collection, hundreds of documents would take twice as long.
 */
export function keepHiddenClasses(...objects: readonly object[]): void {
  kept.push(...objects);
}
