// A server that takes connections and never answers.
import { once } from 'node:events';
import { createServer } from 'node:net';

/** @returns {Promise<{ url: string, connections: import('node:net').Socket[], requested: () => Promise<import('node:net').Socket>, stop: () => Promise<void> }>} */
export async function startSilent() {
  /** @type {import('node:net').Socket[]} */
  const connections = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => server.emit('requested', socket));
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    connections,
    requested: async () => (await once(server, 'requested'))[0],
    stop: async () => {
      for (const socket of connections) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
