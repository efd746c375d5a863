// The login by phone in Express, against a sandbox.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, test } from 'node:test';

import { Sandbox } from 'verigator/testing';

import { createApp } from './app.mjs';

const NUMBER = '+37255555555';

// --8<-- [start:fixture]
/** @type {Sandbox} */
let sandbox;
/** @type {import('verigator').Api} */
let api;
/** @type {import('node:http').Server} */
let server;
/** @type {Browser} */
let site;

beforeEach(async () => {
  sandbox = await Sandbox.start();
  // A fault is to be seen at once.
  api = sandbox.api({ maxRetries: 0 });
  const service = await api.services.create('example.com', 'Example');
  server = createApp(api, service.id, 'a key for tests').listen(0, '127.0.0.1');
  await once(server, 'listening');
  site = new Browser(server);
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await api.close();
  await sandbox.stop();
});
// --8<-- [end:fixture]

/** Somebody at the site, with cookies. */
class Browser {
  /** @type {Map<string, string>} */
  #cookies = new Map();
  #url;

  /** @param {import('node:http').Server} server */
  constructor(server) {
    const address = server.address();
    assert(address && typeof address === 'object');
    this.#url = `http://127.0.0.1:${address.port}`;
  }

  /** @param {string} path @param {RequestInit} [init] */
  async #ask(path, init) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(this.#url + path, { ...init, headers: { cookie }, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/) ?? [];
      this.#cookies.set(String(name), String(value));
    }
    return answer;
  }

  async page() {
    const answer = await this.#ask('/');
    assert.equal(answer.status, 200);
    return await answer.text();
  }

  /**
   * What the page has to say after a form was sent.
   *
   * @param {string} path
   * @param {Record<string, string>} [form]
   */
  async says(path, form = {}) {
    const answer = await this.#ask(path, { method: 'POST', body: new URLSearchParams(form) });
    assert.equal(answer.status, 303);
    const [, message] = (await this.page()).match(/<p role="status">(.*?)<\/p>/) ?? [];
    return message?.replaceAll('&#39;', "'");
  }

  async isLoggedIn() {
    return (await this.page()).includes('You are logged in as jo.');
  }
}

function signUp(name = 'jo') {
  return site.says('/signup', { name, number: NUMBER });
}

// --8<-- [start:login]
test('a login', async () => {
  assert.equal(
    await site.says('/signup', { name: 'jo', number: NUMBER }),
    'We have sent you a PIN.',
  );
  assert.equal(await site.isLoggedIn(), false);
  const { pin } = await sandbox.waitForMessage(NUMBER);
  assert.equal(await site.says('/pin', { pin: 'not it' }), 'This PIN is wrong.');
  assert.equal(await site.isLoggedIn(), false);
  assert.equal(await site.says('/pin', { pin }), 'Welcome.');
  assert.equal(await site.isLoggedIn(), true);
  assert.equal(await site.says('/logout'), 'Goodbye.');
  assert.equal(await site.isLoggedIn(), false);
});
// --8<-- [end:login]

// --8<-- [start:clock]
test('after too many wrong PINs only a new one helps', async () => {
  await signUp();
  const { pin } = await sandbox.waitForMessage(NUMBER);
  for (let n = 0; n < 5; n += 1) await site.says('/pin', { pin: 'not it' });
  const tooLate = 'This PIN is not valid any more. Please ask for a new one.';
  assert.equal(await site.says('/pin', { pin }), tooLate);

  assert.match(String(await site.says('/login', { name: 'jo' })), /^We have just sent you a PIN\./);
  await sandbox.advance(30_000);
  assert.equal(await site.says('/login', { name: 'jo' }), 'We have sent you a PIN.');
  const latest = String(await sandbox.lastPin(NUMBER));
  assert.equal(await site.says('/pin', { pin: latest }), 'Welcome.');
});
// --8<-- [end:clock]

test('a PIN grows old', async () => {
  await signUp();
  const { pin } = await sandbox.waitForMessage(NUMBER);
  await sandbox.advance(601_000);
  assert.match(String(await site.says('/pin', { pin })), /^This PIN is not valid any more\./);
});

test('who may not', async () => {
  assert.equal(await site.says('/login', { name: 'jo' }), 'Nobody has signed up by this name.');
  assert.equal(await site.says('/pin', { pin: '123456' }), 'Please log in.');
  const number = 'none';
  assert.match(String(await site.says('/signup', { name: 'jo', number })), /^This is no phone number/);
  await signUp();
  assert.equal(await signUp(), 'This name is taken.');
});

// --8<-- [start:faults]
test('an answer is lost', async () => {
  await sandbox.failNext({ drop: 'before_answer', operation: 'auth.initiate' });
  assert.equal(await signUp(), 'If a PIN comes, type it here. If none does, ask for another.');
  const messages = await sandbox.messages();
  assert.equal(messages.length, 1);

  await sandbox.failNext({ drop: 'before_answer', operation: 'auth.verify' });
  const pin = String(messages[0]?.pin);
  const unknown = "We can't tell whether this PIN is right. Please ask for a new one.";
  assert.equal(await site.says('/pin', { pin }), unknown);
  assert.equal(await site.isLoggedIn(), false);
  // It was right, and is spent.
  assert.equal(await site.says('/pin', { pin }), 'Please ask for a new PIN.');
});

test('the server did not act', async () => {
  await signUp();
  await sandbox.failNext({ status: 403, count: 3 });
  assert.equal(await site.says('/login', { name: 'jo' }), 'No PIN was sent. Please try again.');
  const unchecked = 'This PIN was not checked. Please send it again.';
  assert.equal(await site.says('/pin', { pin: '123456' }), unchecked);
  assert.equal(await signUp('someone'), 'We could not sign you up. Please try again.');
});
// --8<-- [end:faults]

test('names are shown as text', async () => {
  await signUp('<b>jo</b>');
  const page = await site.page();
  assert.match(page, /&lt;b&gt;jo/);
  assert.doesNotMatch(page, /<b>/);
});
