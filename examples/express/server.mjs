// `node examples/express/server.mjs` serves the site on port 3000, or PORT. Reads LOGIN_SERVICE,
// SECRET_KEY, and what the client reads.

import { Api } from 'verigator';

import { createApp } from './app.mjs';

const { LOGIN_SERVICE, SECRET_KEY, PORT = '3000' } = process.env;
if (!LOGIN_SERVICE || !SECRET_KEY) throw new Error('LOGIN_SERVICE and SECRET_KEY must be set');

createApp(new Api(), LOGIN_SERVICE, SECRET_KEY).listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${PORT}`);
});
