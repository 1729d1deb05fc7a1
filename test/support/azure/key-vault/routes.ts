/** The protocol's paths. @module */
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type { VaultContext } from './exchange.js';
import type { Operation } from './operation.js';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Clients that name no version leave the place of it empty. */
const VERSION = ':version{[^/]*}';

/** The first that fits is taken. */
const ROUTES: readonly (readonly [Method, string, Operation])[] = [
  ['GET', '/keys', 'list'],
  ['GET', '/keys/:name/versions', 'versions'],
  ['GET', '/keys/:name', 'get'],
  ['GET', `/keys/:name/${VERSION}`, 'get'],
  ['POST', '/keys/:name/create', 'create'],
  ['POST', '/keys/:name/rotate', 'rotate'],
  ['POST', '/keys/:name/backup', 'backup'],
  ['POST', '/keys/restore', 'restore'],
  ['PATCH', `/keys/:name/${VERSION}`, 'update'],
  ['POST', `/keys/:name/${VERSION}/wrapkey`, 'wrapKey'],
  ['POST', `/keys/:name/${VERSION}/unwrapkey`, 'unwrapKey'],
  ['DELETE', '/keys/:name', 'delete'],
  ['GET', '/deletedkeys', 'listDeleted'],
  ['GET', '/deletedkeys/:name', 'getDeleted'],
  ['POST', '/deletedkeys/:name/recover', 'recover'],
  ['DELETE', '/deletedkeys/:name', 'purge'],
];

export function vaultApp(
  handle: (operation: Operation, c: VaultContext) => Promise<Response>,
): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  for (const [method, path, operation] of ROUTES) {
    app.on(method, path, (c) => handle(operation, c));
  }
  app.all('*', (c) => handle('other', c));
  return app;
}
