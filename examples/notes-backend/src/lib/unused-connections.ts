/** Closes connections on which nothing was ever asked: a server that stops would wait for them. @module */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

const LOOK_AGAIN_MS = 100;

/** Browsers open connections before they need them, and keep them for a minute. Node takes them for busy ones. */
export function closeUnusedConnections(app: FastifyInstance): void {
  const unused = new Set<Socket>();
  app.server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  app.server.on('request', ({ socket }) => unused.delete(socket));
  const close = (): void => {
    for (const socket of unused) if (socket.bytesRead === 0) socket.destroy();
  };
  app.addHook('preClose', (done) => {
    close();
    // One may be accepted before the server is closed.
    const timer = setInterval(close, LOOK_AGAIN_MS).unref();
    app.server.once('close', () => {
      clearInterval(timer);
    });
    done();
  });
}
