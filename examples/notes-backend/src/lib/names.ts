/** The form of ids and workspaces. @module */

/** Without what a database, a path or a log would have to escape. */
export const NAME = /^[A-Za-z0-9_-]{1,64}$/;
