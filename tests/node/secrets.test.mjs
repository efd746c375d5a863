// Passwords, PINs, phone numbers and usernames: searched for in everything that a program may print.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { format, inspect } from 'node:util';

import * as verigator from 'verigator';
import { Sandbox } from 'verigator/testing';

import { CALLS } from './support/calls.mjs';
import { run, runProgram } from './support/program.mjs';
import { answerJson, operationOf, startScripted, SUCCESS } from './support/scripted.mjs';
import { startSilent } from './support/silent.mjs';

const { Api, Verigator } = verigator;

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

/** How a secret may look when something else was made of it. */
function forms(secret) {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    hex,
    hex.replaceAll(/..(?=.)/g, '$& '),
    [...bytes].join(', '),
    bytes.toString('base64').replaceAll('=', ''),
  ];
}

const STATUSES = [
  '400',
  '401',
  '403',
  '404',
  '408',
  '409',
  '410',
  '418',
  '422',
  '429',
  '500',
  '503',
];

/** A refusal with a body that repeats what came where nothing reads it. */
const status = (response, { failure, echo }) =>
  answerJson(response, Number(failure), { detail: echo, errors: [{ input: echo }] });

/** Other ends of a call at a server that repeats what came wherever it can. */
const FAILURES = {
  success: (response, { operation }) => answerJson(response, ...SUCCESS[operation]),
  'its-words': (response, { echo }) => {
    answerJson(response, 422, { message: `no good: ${echo}`, code: echo });
  },
  'its-reason': (response, { echo }) =>
    response.writeHead(422, echo.replaceAll(/[^ -~]/g, '')).end(),
  'not-verified': (response, { operation }) => {
    const [code, body] = SUCCESS[operation];
    answerJson(response, code, 'verified' in body ? { verified: false } : body);
  },
  'a-redirect': (response, { echo }) => {
    answerJson(response, 307, {}, { location: `/${encodeURIComponent(echo)}` });
  },
  'a-page': (response, { echo }) => response.writeHead(502).end(`<html>${echo}</html>`),
  'no-json': (response, { echo }) => response.writeHead(200).end(echo),
  'other-json': (response, { echo }) => answerJson(response, 200, { id: [echo], verified: echo }),
  'half-a-json': (response, { echo }) =>
    response.writeHead(200).end(JSON.stringify({ id: echo }).slice(0, -1)),
  'too-large': (response, { echo }) => response.writeHead(200).end(echo.padEnd(2 ** 20 + 1)),
  'too-short': (response, { echo }) => {
    response.writeHead(200, { 'content-length': '10000' });
    response.write(echo, () => response.socket.end());
  },
  'no-http': (response, { echo }) => response.socket.end(`${echo}\r\n\r\n`),
  'a-header': (response, { echo }) => response.socket.end(`HTTP/1.1 200 OK\r\n${echo}\r\n\r\n`),
  end: (response) => response.socket.end(),
  reset: (response) => response.socket.resetAndDestroy(),
};

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

  it('show nothing whatever happens, in all that can be printed', { timeout: 60_000 }, async () => {
    const server = await startScripted((request, response) => {
      const [, failure] = request.url.split('/');
      const operation = operationOf(request);
      const echo = `${request.headers['x-service-auth']} ${request.text}`;
      (FAILURES[failure] ?? status)(response, { failure, operation, echo });
    });
    const silent = await startSilent();
    const telling = {
      url: server.url,
      silentUrl: silent.url,
      failures: [...Object.keys(FAILURES), ...STATUSES],
      username: USERNAME,
      password: PASSWORD,
      given: { number: NUMBER, token: PIN, username: PERSON },
    };
    const { code, stdout, stderr } = await runProgram(
      process.execPath,
      [fileURLToPath(new URL('support/telling.mjs', import.meta.url))],
      {
        cwd: fileURLToPath(new URL('.', import.meta.url)),
        env: { TELLING: JSON.stringify(telling), NODE_DEBUG: '*', RUST_LOG: 'trace' },
        within: 60_000,
      },
    );
    await Promise.all([server.stop(), silent.stop()]);
    assert.equal(code, 0, stderr.slice(-1000));
    const met = new Map();
    for (const [, failure, operation, kind] of stdout.matchAll(/^MET (\S+) (\S+) (\S+)$/gm)) {
      met.set(failure, (met.get(failure) ?? new Map()).set(operation, kind));
    }
    for (const [failure, kinds] of met) {
      assert.deepEqual([...kinds.keys()].sort(), Object.keys(CALLS).sort(), failure);
    }
    // All there are but the one of a client that was not made and the one that others extend.
    const kinds = new Set([...met.values()].flatMap((its) => [...its.values()]));
    const classes = Object.keys(verigator).filter((name) => name.endsWith('Error'));
    const others = ['ConfigurationError', 'TransportError'];
    const expected = classes.filter((name) => !others.includes(name)).concat('success');
    assert.deepEqual([...kinds].sort(), expected.sort());
    assert.match(stdout, /^LOG verigator: users\.create failed after /m);
    assert.match(stderr, /^VERIGATOR \d+: users\.create failed after /m);
    search(stdout + stderr, [PASSWORD, PIN, NUMBER, NUMBER.slice(1)].flatMap(forms));
    search(stdout + stderr, [`${USERNAME}:`]);
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
