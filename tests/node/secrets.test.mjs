// Passwords, PINs, phone numbers and usernames: searched for in everything that a program may print.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { format, inspect } from 'node:util';

import { Api, Verigator } from 'verigator';
import { Sandbox } from 'verigator/testing';

import { run } from './support/program.mjs';

const PASSWORD = 'hunter2-never-shown';
const USERNAME = 'account-never-shown';
const NUMBER = '+37251907182';
const PERSON = 'person-never-shown@example.com';
const PIN = '907182';

const deep = { depth: 10, showHidden: true, getters: true };

function search(text, secrets) {
  for (const secret of secrets) {
    const at = text.indexOf(secret);
    assert.equal(at, -1, `a secret is shown: …${text.slice(Math.max(at - 100, 0), at)}`);
  }
}

let sandbox;
before(async () => {
  sandbox = await Sandbox.start();
});
after(() => sandbox.stop());

describe('a client', () => {
  for (const Class of [Api, Verigator]) {
    it(`${Class.name} shows where it goes and two letters`, () => {
      const client = new Class(USERNAME, PASSWORD, 'https://verigator.example.com', {
        proxy: `http://someone:${PASSWORD}@127.0.0.1:1`,
      });
      const shown = [
        inspect(client, deep),
        inspect({ client }, deep),
        inspect({ a: { b: { client } } }),
        format('%o %O %j', client, client, client),
        String(client),
        JSON.stringify(client),
      ].join('\n');
      search(shown, [PASSWORD, USERNAME]);
      assert.ok(shown.includes('https://verigator.example.com'));
      assert.ok(shown.includes('ac•••'));
      assert.ok(shown.includes(`[${Class.name}]`), 'below the depth');
    });
  }

  it('that is refused shows nothing either', () => {
    for (const given of [
      [`${USERNAME}:`, PASSWORD],
      [USERNAME, `${PASSWORD}\n`],
      [USERNAME, PASSWORD, `http://someone:${PASSWORD}@example.com`],
      [USERNAME, PASSWORD, `ftp://${PASSWORD}`],
      [USERNAME, PASSWORD, 'https://example.com', { proxy: `nonsense ${PASSWORD}` }],
      [USERNAME, PASSWORD, 'https://example.com', { proxy: `ftp://a:${PASSWORD}@example.com` }],
      [USERNAME, PASSWORD, 'https://example.com', { caBundle: `-----BEGIN ${PASSWORD}` }],
      [USERNAME, PASSWORD, 'https://example.com', { idempotency: PASSWORD }],
    ]) {
      assert.throws(
        () => new Api(...given),
        (error) => {
          search([inspect(error, deep), JSON.stringify(error)].join('\n'), [PASSWORD, USERNAME]);
          return true;
        },
      );
    }
  });
});

describe('calls', () => {
  it('show nothing in models, errors and logs', async () => {
    const lines = [];
    const logger = { debug: (...line) => lines.push(line) };
    const api = sandbox.api({ logger });
    const service = await api.services.create('example.com', 'Example');
    const user = await api.users.create(service.id, NUMBER, PERSON);
    await api.auth.initiate(service.id, user.id, 'sms');
    const pin = await sandbox.lastPin(NUMBER);
    const failed = await Promise.allSettled([
      api.users.create(service.id, NUMBER, PERSON),
      api.users.create(service.id, `no number ${PASSWORD}`, PERSON),
      api.auth.verifyOrThrow(service.id, user.id, PIN),
      api.auth.initiate(service.id, user.id, 'sms', { maxRetries: 0 }),
      api.auth.verify(service.id, user.id, Number(PIN)),
      new Api(USERNAME, PASSWORD, sandbox.url, { logger }).services.get(service.id),
      new Api(USERNAME, PASSWORD, 'http://127.0.0.1:1', { maxRetries: 0, logger }).users.create(
        service.id,
        NUMBER,
        PERSON,
      ),
      new Api(USERNAME, PASSWORD, 'https://verigator.invalid', {
        proxy: `http://someone:${PASSWORD}@127.0.0.1:1`,
        maxRetries: 0,
        logger,
      }).auth.verify(service.id, user.id, PIN),
    ]);
    const secrets = [PASSWORD, USERNAME, NUMBER, NUMBER.slice(1), PERSON, PIN, pin, 'test:test'];
    assert.ok(failed.every(({ status }) => status === 'rejected'));
    for (const { reason } of failed) {
      search([inspect(reason, deep), JSON.stringify(reason), reason.stack].join('\n'), secrets);
    }
    await api.auth.verify(service.id, user.id, pin);
    const { secret, qr } = await api.totp.enrol(service.id, user.id).then((enrolment) => {
      search(inspect(enrolment, deep), [enrolment.secret, enrolment.qr, enrolment.uri]);
      search(inspect({ enrolment }, deep), [enrolment.secret, enrolment.qr, enrolment.uri]);
      return enrolment;
    });
    search(inspect([service, user, api, await api.users.getAll(service.id)], deep), secrets);
    assert.ok(inspect(user).includes("username: 'pe•••'"));

    const log = lines.map((line) => line.join(' ')).join('\n');
    search(log, [...secrets, secret, qr]);
    for (const part of [
      `verigator: client of ${sandbox.url} as te•••`,
      'verigator: users.create done after ',
      'verigator: auth.verify failed after ',
      'NotVerifiedError ERR_VERIGATOR_NOT_VERIFIED, status 200, attempts 1, ',
      'VerigatorConnectionError ERR_VERIGATOR_CONNECTION, status 0, attempts 1, not_sent',
    ]) {
      assert.ok(log.includes(part), `${part} is missing in:\n${log}`);
    }
  });

  it('show nothing on standard error with NODE_DEBUG, and something', async () => {
    const { stdout, stderr } = await run(
      `
      import { Sandbox } from 'verigator/testing';
      const sandbox = await Sandbox.start();
      const api = sandbox.api();
      const service = await api.services.create('example.com', 'Example');
      const user = await api.users.create(service.id, '${NUMBER}', '${PERSON}');
      await api.auth.initiate(service.id, user.id, 'sms');
      const pin = await sandbox.lastPin('${NUMBER}');
      await api.auth.verify(service.id, user.id, pin);
      await api.auth.verify(service.id, user.id, pin).catch(() => {});
      await sandbox.stop();
      console.log(pin);`,
      { env: { NODE_DEBUG: 'verigator' } },
    );
    search(stderr, [NUMBER, NUMBER.slice(1), PERSON, stdout.trim(), 'test:test']);
    assert.match(stderr, /VERIGATOR \d+: auth\.initiate done after [\d.]+ ms/);
    assert.match(stderr, /VERIGATOR \d+: auth\.verify failed after [\d.]+ ms: NoSuchResourceError/);
  });

  it('do not fail for a logger that does', async () => {
    const api = sandbox.api({
      logger: {
        debug: () => {
          throw new Error('the disk is full');
        },
      },
    });
    assert.equal((await api.services.create('logger.example.com', 'Logger')).name, 'Logger');
    await assert.rejects(api.services.get('nobody'), { name: 'NoSuchResourceError' });
  });
});

describe("the sandbox's messages", () => {
  it('show a masked number and no PIN', async () => {
    const api = sandbox.api();
    const service = await api.services.create('messages.example.com', 'Messages');
    const user = await service.registerUser('messages', '+37255500011');
    await user.authenticateUsingSMS();
    const message = await sandbox.waitForMessage('+372 5550 0011');
    search(inspect([message, await sandbox.messages()], deep), [message.pin, message.to]);
    assert.ok(inspect(message).includes("to: '+372•••••11'"));
    assert.equal(JSON.parse(JSON.stringify(message)).pin, message.pin);
    await assert.rejects(sandbox.waitForMessage('+37255500099', { timeout: 10 }), (error) => {
      search(inspect(error, deep), ['+37255500099']);
      return true;
    });
  });
});
