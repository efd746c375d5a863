// An HTTP server whose every answer a test decides, and which shows what it got.
import { once } from 'node:events';
import { createServer } from 'node:http';

/** What a server answers to each operation that succeeds: status and body. */
export const SUCCESS = {
  'services.create': [201, { id: 's', ctime: '2017-09-15T06:44:15.274438', name: 'Example' }],
  'services.get': [200, { id: 's', ctime: '2017-09-15T06:44:15.274438', name: 'Example' }],
  'services.delete': [202, {}],
  'users.create': [201, { id: 'u', ctime: '2017-09-15T06:44:15.274438', id_in_service: 'john' }],
  'users.get': [200, { id: 'u', ctime: '2017-09-15T06:44:15.274438', id_in_service: 'john' }],
  'users.get_all': [200, { users: [], totals: 0 }],
  'users.delete': [202, {}],
  'auth.initiate': [201, { method: 'sms' }],
  'auth.verify': [200, { verified: true, method: 'sms' }],
  'totp.enrol': [201, { uri: 'otpauth://totp/x', secret: 'JBSWY3DP', qr: 'data:,' }],
  'totp.confirm': [200, { confirmed: true }],
  'totp.remove': [202, {}],
};

const ROUTES = {
  'services.create': /^POST .*\/service\/service$/,
  'services.get': /^GET .*\/service\/service\/[^/]+$/,
  'services.delete': /^DELETE .*\/service\/service\/[^/]+$/,
  'users.create': /^POST .*\/users$/,
  'users.get': /^GET .*\/users\/[^/]+$/,
  'users.get_all': /^GET .*\/users$/,
  'users.delete': /^DELETE .*\/users\/[^/]+$/,
  'auth.initiate': /^POST .*\/auth$/,
  'auth.verify': /^PUT .*\/auth$/,
  'totp.enrol': /^POST .*\/totp$/,
  'totp.confirm': /^PUT .*\/totp$/,
  'totp.remove': /^DELETE .*\/totp$/,
};

/** @param {import('node:http').IncomingMessage} request */
export function operationOf({ method, url }) {
  const [operation] =
    Object.entries(ROUTES).find(([, route]) => route.test(`${method} ${url}`)) ?? [];
  return /** @type {keyof typeof SUCCESS} */ (operation);
}

/**
 * Starts one. `answer` gets each request with its whole body, and the response to write.
 *
 * @param {(request: import('node:http').IncomingMessage & { text: string }, response: import('node:http').ServerResponse) => void} answer
 */
export async function startScripted(answer) {
  const server = createServer(async (request, response) => {
    let text = '';
    try {
      for await (const part of request.setEncoding('utf8')) text += part;
    } catch {
      // The client went away.
      return;
    }
    answer(Object.assign(request, { text }), response);
  });
  let opened = 0;
  let open = 0;
  server.on('connection', (socket) => {
    opened += 1;
    open += 1;
    socket.on('close', () => (open -= 1));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    /** How many connections there were, and how many there are. */
    connections: () => ({ opened, open }),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 * @param {unknown} body
 * @param {Record<string, string>} [headers]
 */
export function answerJson(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
