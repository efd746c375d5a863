// The sandbox as a user's tests meet it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';

import {
  InternalError,
  InvalidArgumentError,
  NoSuchResourceError,
  VerigatorConnectionError,
  VerigatorError,
  VerigatorTimeoutError,
} from 'verigator';
import { Message, Sandbox } from 'verigator/testing';

import { CALLS, GIVEN, OPERATIONS } from './support/calls.mjs';
import { run } from './support/program.mjs';

const NUMBER = '+37255555555';

let sandbox;
let api;
let service;

before(async () => {
  sandbox = await Sandbox.start();
  api = sandbox.api({ maxRetries: 0 });
  service = await api.services.create('example.com', 'Example');
});
after(() => sandbox.stop());

it('is a server of its own', async () => {
  assert.match(sandbox.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.deepEqual([sandbox.username, sandbox.password], ['test', 'test']);
  assert.equal(inspect(sandbox), `Sandbox { url: '${sandbox.url}' }`);
  const other = await Sandbox.start();
  assert.notEqual(other.url, sandbox.url);
  await assert.rejects(other.api().services.get(service.id), { name: 'NoSuchResourceError' });
  const kept = await other.api().services.create('kept.example.com', 'Kept');
  await other.stop();
  await other.stop();
  await gone(other, kept);
});

it('stops at the end of an await using', async () => {
  const symbol = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');
  const other = await Sandbox.start();
  const kept = await other.api().services.create('kept.example.com', 'Kept');
  await other[symbol]();
  await gone(other, kept);
});

/** What it knew is known no more. Its port may be another's by now, which knows nothing of it. */
async function gone(stopped, known) {
  await assert.rejects(stopped.api({ maxRetries: 0 }).services.get(known.id), (error) => {
    return error instanceof VerigatorConnectionError || error instanceof NoSuchResourceError;
  });
}

it('runs on when nobody holds it', async () => {
  const { code, stdout, stderr } = await run(
    `
    import { Sandbox } from 'verigator/testing';
    const urls = [];
    for (let n = 0; n < 3; n += 1) urls.push((await Sandbox.start()).url);
    for (let n = 0; n < 5; n += 1) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const url of urls) console.log((await fetch(url + '/healthz')).status);`,
    { flags: ['--expose-gc'] },
  );
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '200\n200\n200\n', stderr: '' });
});

describe('messages', () => {
  it('come, in any form of the number', async () => {
    assert.equal(await sandbox.lastPin(NUMBER), undefined);
    assert.equal(await sandbox.lastPin('no number'), undefined);
    const user = await service.registerUser('messages', NUMBER);
    const waiting = sandbox.waitForMessage('00372 5555-5555');
    await user.authenticateUsingSMS();
    const message = await waiting;
    assert.ok(message instanceof Message);
    assert.equal(message.to, NUMBER);
    assert.equal(await sandbox.lastPin(NUMBER), message.pin);
    assert.deepEqual((await sandbox.messages()).filter(({ to }) => to === NUMBER), [message]);
    assert.deepEqual(new Message(JSON.parse(JSON.stringify(message))), message);
  });

  it('that do not come are told', async () => {
    const began = performance.now();
    await assert.rejects(sandbox.waitForMessage('+37255555000', { timeout: 100 }), (error) => {
      assert.ok(error instanceof VerigatorTimeoutError);
      assert.equal(error.message, 'no message to +372•••••00 came within 100 ms');
      return true;
    });
    assert.ok(performance.now() - began >= 99);
    await assert.rejects(sandbox.waitForMessage(1), InvalidArgumentError);
    await assert.rejects(sandbox.waitForMessage(NUMBER, 5), InvalidArgumentError);
    await assert.rejects(sandbox.waitForMessage(NUMBER, { timeout: -1 }), InvalidArgumentError);
  });

  it('are waited for beside other work', async () => {
    const waits = Array.from({ length: 8 }, () =>
      sandbox.waitForMessage('+37255555000', { timeout: 1500 }),
    );
    const began = performance.now();
    assert.equal((await api.services.get(service.id)).name, 'Example');
    assert.ok(performance.now() - began < 1000);
    assert.ok((await Promise.allSettled(waits)).every(({ status }) => status === 'rejected'));
  });
});

describe('time', () => {
  it('is moved in milliseconds', async () => {
    const user = await service.registerUser('time', '+37255555001');
    await user.authenticateUsingSMS();
    const before = (await sandbox.waitForMessage('+37255555001')).sentAt.getTime();
    await sandbox.advance(60_000);
    await user.authenticateUsingSMS();
    const [, after] = (await sandbox.messages()).filter(({ to }) => to === '+37255555001');
    const passed = after.sentAt.getTime() - before;
    assert.ok(passed >= 60_000 && passed < 70_000, `${passed} ms`);
    for (const ms of [-1, NaN, '1', undefined]) {
      await assert.rejects(sandbox.advance(ms), InvalidArgumentError);
    }
  });
});

describe('authenticator codes', () => {
  it('are those of RFC 6238, for a secret', async () => {
    assert.match(await sandbox.totpCode('JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'), /^\d{6}$/);
    for (const secret of ['no secret!', '', 1]) {
      await assert.rejects(sandbox.totpCode(secret), InvalidArgumentError);
    }
  });
});

/** How a shop sends a PIN: what the faults of the sandbox are there to test. */
async function sendPin(client, service, user) {
  try {
    await client.auth.initiate(service.id, user.id, 'sms');
    return 'sent';
  } catch (error) {
    if (!(error instanceof VerigatorError)) throw error;
    if (error.safeToRetry) return 'try again later';
    return error.outcome === 'unknown' ? 'may have been sent' : 'not sent';
  }
}

/** For each fault at the same time, a sandbox of its own. */
function meetEach(faults, meet) {
  return Promise.all(
    faults.map(async (fault, n) => {
      const sandbox = await Sandbox.start();
      const service = await sandbox.api().services.create('example.com', 'Example');
      const user = await service.registerUser('john', NUMBER);
      await meet(fault, { sandbox, service, user, n, shown: inspect(fault) });
      await sandbox.stop();
    }),
  );
}

describe('a fault while a PIN is sent', { concurrency: true }, () => {
  const initiate = { operation: 'auth.initiate' };

  it('is told apart by a client without keys', () =>
    meetEach(
      [
        [{ status: 429 }, 'try again later', 0],
        [{ status: 425 }, 'try again later', 0],
        [{ status: 408 }, 'try again later', 0],
        [{ status: 500 }, 'may have been sent', 0],
        [{ status: 502 }, 'may have been sent', 0],
        [{ status: 503 }, 'may have been sent', 0],
        [{ status: 403 }, 'not sent', 0],
        [{ drop: 'after_request' }, 'may have been sent', 0],
        [{ drop: 'before_answer' }, 'may have been sent', 1],
      ],
      async ([fault, said, messages], { sandbox, service, user, shown }) => {
        const client = sandbox.api({ idempotency: 'off' });
        await sandbox.failNext({ ...fault, ...initiate });
        assert.equal(await sendPin(client, service, user), said, shown);
        assert.equal((await sandbox.messages()).length, messages, shown);
        // The user comes back for another, a while later.
        await sandbox.advance(31_000);
        assert.equal(await sendPin(client, service, user), 'sent', shown);
        const pin = await sandbox.lastPin(NUMBER);
        assert.equal((await user.verifyPin(pin)).isVerified(), true, shown);
      },
    ));

  it('is ridden out by a client with keys: one message, whatever happens', () =>
    meetEach(
      [
        ...[429, 425, 408, 500, 502, 503].map((status) => ({ status })),
        { status: 500, count: 2 },
        { drop: 'after_request' },
        { drop: 'before_answer' },
        { drop: 'before_answer', count: 2 },
        { delay: 1500 },
        { delay: 50, drop: 'before_answer' },
      ].flatMap((fault) => [
        { fault, idempotency: 'on' },
        { fault, idempotency: 'auto' },
      ]),
      async ({ fault, idempotency }, { sandbox, service, user, shown }) => {
        const client = sandbox.api({ idempotency, timeout: 1000 });
        // Automatic is on as soon as the server has said that it honours them.
        await client.services.get(service.id);
        await sandbox.failNext({ ...fault, ...initiate });
        assert.equal(await sendPin(client, service, user), 'sent', shown);
        assert.equal((await sandbox.messages()).length, 1, shown);
      },
    ));

  it('three times is too often', () =>
    meetEach([{ status: 500 }, { drop: 'before_answer' }], async (fault, its) => {
      const { sandbox, service, user, shown } = its;
      const client = sandbox.api({ idempotency: 'on' });
      await sandbox.failNext({ ...fault, ...initiate, count: 3 });
      await assert.rejects(client.auth.initiate(service.id, user.id, 'sms'), (error) => {
        assert.deepEqual([error.outcome, error.attempts], ['unknown', 3], shown);
        return true;
      });
      assert.equal((await sandbox.messages()).length, fault.drop ? 1 : 0, shown);
    }));
});

describe('a fault while a PIN is checked', () => {
  const points = [
    { drop: 'before_answer', isSpent: true },
    { drop: 'after_request', isSpent: false },
  ];

  it('is ridden out by a client with keys, and the PIN counts once', () =>
    meetEach(points, async ({ drop }, { sandbox, service, user }) => {
      await user.authenticateUsingSMS();
      const pin = await sandbox.lastPin(NUMBER);
      const client = sandbox.api({ idempotency: 'on' });
      await sandbox.failNext({ drop, operation: 'auth.verify' });
      assert.equal(await client.auth.verify(service.id, user.id, pin), true, drop);
      await assert.rejects(client.auth.verify(service.id, user.id, pin), NoSuchResourceError);
    }));

  it('is unknown to a client without keys', () =>
    meetEach(points, async ({ drop, isSpent }, { sandbox, service, user }) => {
      await user.authenticateUsingSMS();
      const pin = await sandbox.lastPin(NUMBER);
      const client = sandbox.api({ idempotency: 'off' });
      await sandbox.failNext({ drop, operation: 'auth.verify' });
      const told = { name: 'VerigatorConnectionError', outcome: 'unknown', safeToRetry: false };
      await assert.rejects(client.auth.verify(service.id, user.id, pin), told);
      const [again] = await Promise.allSettled([client.auth.verify(service.id, user.id, pin)]);
      assert.equal(again.value ?? again.reason.name, isSpent ? 'NoSuchResourceError' : true, drop);
    }));
});

describe('faults', () => {
  it('are statuses, so many times', async () => {
    await sandbox.failNext({ status: 503, count: 2 });
    for (let n = 0; n < 2; n += 1) {
      await assert.rejects(api.services.get(service.id), InternalError);
    }
    await api.services.get(service.id);
  });

  it('are connections that are cut, before or after acting', async () => {
    await sandbox.failNext({ drop: 'before_answer' });
    await assert.rejects(service.registerUser('acted', '+37255555002'), { outcome: 'unknown' });
    await sandbox.failNext({ drop: 'after_request', operation: 'users.create' });
    await assert.rejects(service.registerUser('did not', '+37255555003'), { outcome: 'unknown' });
    const usernames = (await service.getUsers()).map(({ username }) => username);
    assert.ok(usernames.includes('acted') && !usernames.includes('did not'), String(usernames));
  });

  it('are delays, in milliseconds', async () => {
    await sandbox.failNext({ delay: 150, operation: 'services.get' });
    await service.getUsers();
    const began = performance.now();
    await api.services.get(service.id);
    assert.ok(performance.now() - began >= 149);
  });

  it('meet the operation that they are for, and no other', async () => {
    for (const operation of OPERATIONS) {
      await sandbox.failNext({ status: 418, operation });
      for (const [name, call] of Object.entries(CALLS).filter(([name]) => name !== operation)) {
        if (!OPERATIONS.includes(name)) continue;
        const [{ reason }] = await Promise.allSettled([call(api, GIVEN)]);
        assert.notEqual(reason?.status, 418, `${name} met the fault of ${operation}`);
      }
      await assert.rejects(CALLS[operation](api, GIVEN), { status: 418, operation });
    }
  });

  it('wait in the order in which they were set', async () => {
    for (const status of [503, 429, 409]) await sandbox.failNext({ status });
    for (const status of [503, 429, 409]) {
      await assert.rejects(api.services.get(service.id), { status });
    }
    await api.services.get(service.id);
  });

  it('that could never happen are refused', async () => {
    for (const fault of [
      undefined,
      {},
      { status: 200 },
      { status: 70_000 },
      { status: '503' },
      { status: 503, drop: 'before_answer' },
      { drop: 'sometimes' },
      { delay: -1 },
      { status: 503, operation: 'auth' },
      { status: 503, times: 2 },
      { status: 503, count: 0 },
      { status: 503, count: 1.5 },
    ]) {
      await assert.rejects(sandbox.failNext(fault), (error) => {
        assert.ok(error instanceof InvalidArgumentError && error instanceof VerigatorError);
        return true;
      });
    }
    await api.services.get(service.id);
  });
});
