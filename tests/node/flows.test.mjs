// Whole authentications against the sandbox, by SMS and by authenticator app, through both styles.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import {
  NotVerifiedError,
  NoSuchResourceError,
  ResourceAlreadyExistsError,
  Service,
  User,
  VerigatorError,
} from 'verigator';
import { Sandbox } from 'verigator/testing';

let sandbox;
let api;
let service;
let user;
let number;
let made = 0;

before(async () => {
  sandbox = await Sandbox.start();
  api = sandbox.api();
  service = await api.services.create('example.com', 'Example');
});

beforeEach(async () => {
  made += 1;
  number = `+3725555${String(made).padStart(4, '0')}`;
  user = await api.users.create(service.id, number, `user-${made}`);
});

after(async () => {
  await api.close();
  await sandbox.stop();
});

describe('by SMS', () => {
  it('sends a PIN and lets the user in once', async () => {
    assert.equal(await api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS), 'sms');
    const { text, pin, to, sentAt } = await sandbox.waitForMessage(number);
    assert.equal(to, number);
    assert.ok(text.startsWith(`${pin} is your Example verification code`));
    assert.ok(sentAt instanceof Date && !Number.isNaN(sentAt.getTime()));
    assert.equal(await api.auth.verify(service.id, user.id, pin), true);
    await assert.rejects(api.auth.verify(service.id, user.id, pin), NoSuchResourceError);
  });

  it('says why a PIN is not accepted', async () => {
    await api.auth.initiate(service.id, user.id, 'sms');
    const pin = await sandbox.lastPin(number);
    const wrong = pin === '000000' ? '000001' : '000000';
    const said = await api.auth.verifyDetailed(service.id, user.id, wrong);
    assert.deepEqual(JSON.parse(JSON.stringify(said)), {
      verified: false,
      method: 'sms',
      status: { throttled: false, expired: false, invalid: true, result: 'INVALID' },
    });
    await sandbox.advance(11 * 60 * 1000);
    const late = await api.auth.verifyDetailed(service.id, user.id, pin, { method: 'sms' });
    assert.equal(late.status.result, 'EXPIRED');
  });

  it('throws what was asked to throw', async () => {
    await api.auth.initiate(service.id, user.id, 'sms');
    await assert.rejects(api.auth.verifyOrThrow(service.id, user.id, 'wrong'), (error) => {
      assert.ok(error instanceof NotVerifiedError);
      assert.equal(error.operation, 'auth.verify');
      return true;
    });
    const said = await api.auth.verifyOrThrow(service.id, user.id, await sandbox.lastPin(number));
    assert.equal(said.isVerified(), true);
  });

  it('asks to wait before another message', async () => {
    await user.authenticateUsingSMS();
    await assert.rejects(user.authenticateUsingSMS({ maxRetries: 0 }), (error) => {
      assert.ok(error instanceof ResourceAlreadyExistsError);
      assert.ok(error.retryAfter > 20_000 && error.retryAfter <= 30_000, error.retryAfter);
      return true;
    });
    await sandbox.advance(31_000);
    await user.authenticateUsingSMS();
    assert.equal((await sandbox.messages()).filter(({ to }) => to === number).length, 2);
  });
});

describe('by authenticator app', () => {
  it('enrols, confirms, verifies and removes', async () => {
    const { uri, secret, qr } = await api.totp.enrol(service.id, user.id);
    assert.ok(uri.startsWith('otpauth://totp/'));
    assert.ok(qr.startsWith('data:image/svg+xml;base64,'));
    assert.equal(await api.totp.confirm(service.id, user.id, '000000'), false);
    const first = await sandbox.totpCode(secret);
    assert.equal(await api.totp.confirm(service.id, user.id, first), true);

    assert.equal(await user.authenticateUsingTotp(), 'totp');
    assert.equal((await user.verifyPin(first)).isVerified(), false, 'a code counts once');
    await sandbox.advance(30_000);
    assert.equal((await user.verifyPin(await sandbox.totpCode(secret))).isVerified(), true);

    assert.equal(await api.totp.remove(service.id, user.id), undefined);
    await sandbox.advance(31_000);
    assert.equal(await user.authenticateUsingTotp(), 'sms');
  });
});

describe('models', () => {
  it('are frozen, plain in JSON, and belong to the client that returned them', async () => {
    for (const model of [service, user]) {
      assert.ok(Object.isFrozen(model));
      assert.ok(model.createdAt instanceof Date);
      assert.ok(Math.abs(model.createdAt.getTime() - Date.parse(`${model.creationTime}Z`)) < 1);
    }
    assert.deepEqual(Object.keys(service), ['id', 'creationTime', 'name']);
    assert.deepEqual(Object.keys(user), ['id', 'creationTime', 'username']);
    assert.deepEqual(await service.getUser(user.id), user);
  });

  it('from JSON are the same, but ask nobody', async () => {
    const copy = new Service(JSON.parse(JSON.stringify(service)));
    assert.deepEqual(copy, service);
    const asked = [
      () => copy.registerUser('name', '+37255555555'),
      () => copy.getUser('id'),
      () => copy.getUsers(),
      () => copy.delete(),
    ];
    const orphan = new User(JSON.parse(JSON.stringify(user)));
    asked.push(
      () => orphan.authenticateUsingSMS(),
      () => orphan.authenticateUsingTotp(),
      () => orphan.verifyPin('1'),
      () => orphan.delete(),
    );
    for (const ask of asked) {
      await assert.rejects(ask, { name: 'ConfigurationError', message: /belongs to no client/ });
    }
    assert.throws(() => new Service({ id: 1 }), { name: 'InvalidArgumentError' });
  });

  it('read times with and without a zone', () => {
    const createdAt = (creationTime) => new Service({ id: '', name: '', creationTime }).createdAt;
    for (const text of [
      '2017-09-15T06:44:15.274438',
      '2017-09-15T06:44:15.274438Z',
      '2017-09-15T08:44:15.274438+02:00',
      '2017-09-15 06:44:15.274',
      '2017-09-15T08:44:15.274+0200',
    ]) {
      assert.equal(createdAt(text).toISOString(), '2017-09-15T06:44:15.274Z', text);
    }
    for (const text of ['yesterday', '', '1', '2017-13-45T06:44:15']) {
      assert.ok(Number.isNaN(createdAt(text).getTime()), text);
    }
  });

  it('come from an Api or a Verigator, and nothing else', async () => {
    assert.deepEqual(await Service.get(api, service.id), service);
    for (const other of [undefined, null, {}, 'api']) {
      await assert.rejects(Service.get(other, service.id), { name: 'InvalidArgumentError' });
    }
  });
});

describe('many at once', () => {
  it('each gets its own answer', async () => {
    const users = await Promise.all(
      Array.from({ length: 64 }, (_, n) =>
        api.users.create(service.id, `+37256${String(n).padStart(6, '0')}`, `many-${n}`),
      ),
    );
    const again = await Promise.all(users.map(({ id }) => api.users.get(service.id, id)));
    assert.deepEqual(again, users);
    assert.deepEqual(
      users.map(({ username }) => username),
      users.map((_, n) => `many-${n}`),
    );
    const failures = await Promise.allSettled(
      users.map(({ id }) => api.auth.verify(service.id, id, '1')),
    );
    assert.ok(failures.every(({ reason }) => reason instanceof VerigatorError));
  });
});
