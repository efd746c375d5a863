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
    assert.deepEqual(await sandbox.messages(), [message]);
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
    ]) {
      await assert.rejects(sandbox.failNext(fault), (error) => {
        assert.ok(error instanceof InvalidArgumentError && error instanceof VerigatorError);
        return true;
      });
    }
    await api.services.get(service.id);
  });
});
