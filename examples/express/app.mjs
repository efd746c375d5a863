// A site with a login by phone, as an Express app.

import cookieSession from 'cookie-session';
import express from 'express';

import { checkPin, sendPin, signUp } from './phone-login.mjs';

/**
 * @typedef {import('express').Request} Request
 * @typedef {import('express').Response} Response
 */

/**
 * @param {import('verigator').Api} api
 * @param {string} service the id of the service whose users log in
 * @param {string} secretKey signs the sessions
 */
// --8<-- [start:app]
export function createApp(api, service, secretKey) {
  const app = express();
  app.set('view engine', 'ejs');
  app.set('views', import.meta.dirname);
  app.use(cookieSession({ keys: [secretKey], sameSite: 'lax' }));
  app.use(express.urlencoded({ extended: false }));

  /** @type {Map<string, string>} In place of your database: names, and the users' ids at the server. */
  const users = new Map();
  // --8<-- [end:app]

  app.get('/', (request, response) => {
    const { message, name, asked } = session(request);
    delete session(request).message;
    response.render('page', { message, name, asked });
  });

  // --8<-- [start:log-in]
  app.post('/signup', async (request, response) => {
    const name = field(request, 'name');
    if (users.has(name)) return back(request, response, 'This name is taken.');
    const signedUp = await signUp(api, service, field(request, 'number'));
    if ('message' in signedUp) return back(request, response, signedUp.message);
    users.set(name, signedUp.user);
    await logIn(request, response);
  });

  /** @param {Request} request @param {Response} response */
  async function logIn(request, response) {
    const name = field(request, 'name');
    const user = users.get(name);
    if (!user) return back(request, response, 'Nobody has signed up by this name.');
    const step = await sendPin(api, service, user);
    if (step.done) session(request).asked = name;
    back(request, response, step.message);
  }

  app.post('/login', logIn);

  app.post('/pin', async (request, response) => {
    const name = session(request).asked ?? '';
    const user = users.get(name);
    if (!user) return back(request, response, 'Please log in.');
    const step = await checkPin(api, service, user, field(request, 'pin'));
    // A new session: nothing of the old one goes on.
    if (step.done) request.session = { name };
    back(request, response, step.message);
  });
  // --8<-- [end:log-in]

  app.post('/logout', (request, response) => {
    request.session = {};
    back(request, response, 'Goodbye.');
  });

  return app;
}

/**
 * @typedef {{message?: string, name?: string, asked?: string}} Session
 * @param {Request} request
 */
function session(request) {
  return /** @type {Session} */ (request.session ??= {});
}

/** @param {Request} request @param {string} name */
function field(request, name) {
  return String(request.body?.[name] ?? '');
}

/**
 * To the only page, with something to say there.
 *
 * @param {Request} request
 * @param {Response} response
 * @param {string} message
 */
function back(request, response, message) {
  session(request).message = message;
  response.redirect(303, '/');
}
