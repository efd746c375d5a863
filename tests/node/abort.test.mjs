// AbortSignal: before, during and after a call, and closing a client.
import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { after, before, describe, it } from 'node:test';

import { Api, ClientClosedError, RequestAbortedError, VerigatorError } from 'verigator';
import { Sandbox } from 'verigator/testing';

import { startSilent } from './support/silent.mjs';

let sandbox;
let silent;
let silentApi;

before(async () => {
  [sandbox, silent] = await Promise.all([Sandbox.start(), startSilent()]);
  silentApi = new Api('user', 'pass', silent.url, { maxRetries: 0 });
});
after(() => Promise.all([sandbox.stop(), silent.stop()]));

describe('a signal that is aborted already', () => {
  it('sends nothing', async () => {
    const connections = silent.connections.length;
    const signal = AbortSignal.abort(new Error('changed my mind'));
    const calls = [
      silentApi.services.get('s', { signal }),
      silentApi.auth.initiate('s', 'u', 'sms', { signal }),
      silentApi.totp.remove('s', 'u', { signal }),
    ];
    for (const { reason } of await Promise.allSettled(calls)) {
      assert.ok(reason instanceof RequestAbortedError);
      assert.equal(reason.name, 'AbortError');
      assert.equal(reason.code, 'ERR_VERIGATOR_REQUEST_ABORTED');
      assert.equal(reason.cause, signal.reason);
      assert.equal(reason.outcome, 'not_sent');
      assert.equal(reason.safeToRetry, true);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(silent.connections.length, connections);
  });
});

describe('a signal that is aborted during the call', () => {
  it('ends it at once, closes its connection, and leaves the client usable', async () => {
    const api = sandbox.api();
    const service = await api.services.create('example.com', 'Example');
    const controller = new AbortController();
    await sandbox.failNext({ delay: 10_000 });
    const call = api.services.get(service.id, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    const began = performance.now();
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof RequestAbortedError && error instanceof VerigatorError);
      assert.equal(error.name, 'AbortError');
      assert.equal(error.cause, controller.signal.reason);
      assert.equal(error.operation, 'services.get');
      assert.equal(error.outcome, 'unknown');
      assert.equal(error.safeToRetry, true, 'a get does nothing twice');
      assert.match(error.stack, /abort\.test\.mjs/);
      return true;
    });
    assert.ok(performance.now() - began < 5000);
    assert.deepEqual(await api.services.get(service.id), service);
  });

  it('closes the connection', async () => {
    const controller = new AbortController();
    const requested = silent.requested();
    const call = silentApi.auth.initiate('s', 'u', 'sms', { signal: controller.signal });
    const socket = await requested;
    const closed = once(socket, 'close');
    controller.abort('a word');
    await assert.rejects(call, (error) => {
      assert.equal(error.cause, 'a word');
      assert.equal(error.safeToRetry, false, 'a message may be on its way');
      return true;
    });
    await closed;
  });

  it('may be a timeout', async () => {
    const signal = AbortSignal.timeout(50);
    await assert.rejects(silentApi.services.get('s', { signal }), (error) => {
      assert.equal(error.name, 'AbortError');
      assert.equal(error.cause.name, 'TimeoutError');
      return true;
    });
  });

  it('may be one of several', async () => {
    const controller = new AbortController();
    const signal = AbortSignal.any([controller.signal, new AbortController().signal]);
    const call = silentApi.services.get('s', { signal });
    controller.abort();
    await assert.rejects(call, RequestAbortedError);
  });

  it('ends every call that it was given to', async () => {
    const warnings = [];
    const warn = (warning) => warnings.push(warning);
    process.on('warning', warn);
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Array.from({ length: 40 }, () => silentApi.services.get('s', { signal }));
    controller.abort();
    const ended = await Promise.allSettled(calls);
    assert.ok(ended.every(({ reason }) => reason instanceof RequestAbortedError));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warn);
    assert.deepEqual(warnings, []);
  });
});

describe("the caller's signal", () => {
  it('keeps its onabort, and no listener of the call', async () => {
    const api = sandbox.api();
    const controller = new AbortController();
    const { signal } = controller;
    let aborted = 0;
    const onabort = () => (aborted += 1);
    signal.onabort = onabort;
    await assert.rejects(api.services.get('nobody', { signal }), { name: 'NoSuchResourceError' });
    assert.equal(signal.onabort, onabort);
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    const call = silentApi.services.get('s', { signal });
    controller.abort();
    await assert.rejects(call, RequestAbortedError);
    assert.equal(aborted, 1);
  });

  it('changes nothing after the call', async () => {
    const api = sandbox.api();
    const controller = new AbortController();
    const { signal } = controller;
    const service = await api.services.create('after.example.com', 'After', { signal });
    controller.abort();
    assert.deepEqual(await api.services.get(service.id), service);
  });
});

describe('a closed client', () => {
  it('refuses later calls and closes again', async () => {
    const api = sandbox.api();
    await api.close();
    await api.close();
    await assert.rejects(api.services.get('s'), (error) => {
      assert.ok(error instanceof ClientClosedError);
      assert.equal(error.code, 'ERR_VERIGATOR_CLIENT_CLOSED');
      assert.equal(error.operation, 'services.get');
      assert.equal(error.outcome, 'not_sent');
      return true;
    });
  });

  it('is closed by disposal', async () => {
    const symbol = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');
    const api = sandbox.api();
    await api[symbol]();
    await assert.rejects(api.services.get('s'), ClientClosedError);
  });

  it('lets a call under way go on', async () => {
    const api = sandbox.api();
    await sandbox.failNext({ delay: 200 });
    const call = api.services.create('closing.example.com', 'Closing');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await api.close();
    assert.equal((await call).name, 'Closing');
  });
});
