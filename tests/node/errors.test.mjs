// The error classes: the table that Rust keeps, what an error tells, and whose line its stack names.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as verigator from 'verigator';
import { Sandbox } from 'verigator/testing';

const require = createRequire(import.meta.url);
const native = require('../../bindings-node/native/index.js');
const { errorOf } = require('../../bindings-node/js/failure.cjs');
const { VerigatorError } = verigator;

const failure = {
  message: 'what happened',
  status: 418,
  errorCode: 'a_word',
  operation: 'users.get',
  attempts: 3,
  retryAfter: 1500,
  requestId: 'r-1',
  outcome: 'unknown',
  safeToRetry: true,
  causes: ['behind it', 'behind that'],
};

describe('the table', () => {
  const table = native.errorClasses();

  it('names a class for every kind', () => {
    assert.ok(table.length >= 16, `${table.length} kinds`);
    assert.equal(new Set(table.map(({ kind }) => kind)).size, table.length);
    for (const { kind, class: name } of table) {
      const error = errorOf({ ...failure, kind, class: name });
      assert.equal(error.constructor, verigator[name], name);
      assert.equal(error.name, name);
      assert.equal(error.code, `ERR_VERIGATOR_${kind.toUpperCase()}`);
      assert.ok(error instanceof VerigatorError && error instanceof Error);
      const transport = ['connection', 'timeout'].includes(kind);
      assert.equal(error instanceof verigator.TransportError, transport, kind);
    }
  });

  it('has every class, and a class made by hand has the code of its kind', () => {
    const named = new Set(table.map((row) => row.class));
    for (const [name, Class] of Object.entries(verigator)) {
      if (!(Class.prototype instanceof Error)) continue;
      const error = new Class('made by hand');
      assert.equal(error.code, `ERR_VERIGATOR_${error.errorCode.toUpperCase()}`);
      assert.deepEqual(
        [error.status, error.attempts, error.outcome, error.safeToRetry],
        [0, 0, 'not_sent', false],
      );
      if (named.has(name)) {
        assert.ok(
          table.some((row) => row.class === name && row.kind === error.errorCode),
          name,
        );
      } else {
        assert.ok(['TransportError', 'RequestAbortedError'].includes(name), name);
      }
    }
  });
});

describe('an error', () => {
  it('tells all that the core knows', () => {
    const error = errorOf({ ...failure, kind: 'unexpected_status', class: 'VerigatorError' });
    assert.equal(error.message, 'what happened');
    assert.deepEqual(
      { ...error },
      {
        code: 'ERR_VERIGATOR_UNEXPECTED_STATUS',
        status: 418,
        errorCode: 'a_word',
        operation: 'users.get',
        attempts: 3,
        retryAfter: 1500,
        requestId: 'r-1',
        outcome: 'unknown',
        safeToRetry: true,
      },
    );
    assert.equal(error.cause.message, 'behind it');
    assert.equal(error.cause.cause.message, 'behind that');
    assert.equal(error.cause.cause.cause, undefined);
    assert.deepEqual(JSON.parse(JSON.stringify(error)), {
      ...error,
      name: 'VerigatorError',
      message: 'what happened',
    });
  });

  it('of a connection has what is behind it', async () => {
    const api = new verigator.Api('user', 'pass', 'http://127.0.0.1:1', { maxRetries: 0 });
    await assert.rejects(api.services.get('s'), (error) => {
      assert.ok(error instanceof verigator.VerigatorConnectionError);
      assert.equal(error.outcome, 'not_sent');
      assert.equal(error.safeToRetry, true);
      assert.ok(error.cause instanceof Error);
      return true;
    });
  });

  it('of this library rejects the call, as every other', async () => {
    // As after a panic, which the native part throws.
    const cause = new Error('panic');
    const { prototype } = native.Calls;
    const { start } = prototype;
    const api = new verigator.Api('user', 'pass', 'http://127.0.0.1:1', { maxRetries: 0 });
    prototype.start = () => {
      throw cause;
    };
    const call = api.services.get('s');
    prototype.start = start;
    await assert.rejects(call, (error) => {
      assert.equal(error.constructor, VerigatorError);
      assert.equal(error.code, 'ERR_VERIGATOR_BUG');
      assert.equal(error.cause, cause);
      assert.equal(error.operation, 'services.get');
      assert.equal(error.outcome, 'unknown');
      return true;
    });
    await assert.rejects(api.services.get('s'), verigator.VerigatorConnectionError);
  });

  it('of a call that the native part does not know is one of this library', async () => {
    const { start } = require('../../bindings-node/js/calls.cjs');
    const { client } = native.open({
      username: 'user',
      password: 'pass',
      endpoint: 'http://127.0.0.1:1',
      environment: {},
      runtime: 'test/1',
    });
    for (const [operation, given] of [
      ['services.rename', ['s']],
      ['services.get', []],
      ['services.get', ['s', 't']],
      ['auth.verify', ['s', 'u', '1', 'sms', 'more']],
    ]) {
      const { finished } = start((calls, id) => calls.start(id, client, operation, given, {}));
      const { error } = await finished;
      assert.deepEqual([error.kind, error.class], ['bug', 'VerigatorError'], operation);
    }
  });
});

describe('its stack', () => {
  let sandbox;
  let api;

  before(async () => {
    sandbox = await Sandbox.start();
    api = sandbox.api();
  });
  after(() => sandbox.stop());

  const here = fileURLToPath(import.meta.url);

  /** The line of the caller, one line after that of the call to this. */
  function nextLine() {
    const [, , line] = new Error().stack.split('\n');
    return Number(/:(\d+):\d+\)?$/.exec(line)[1]) + 1;
  }

  const names = (line) => new RegExp(`${here.replaceAll(/[\\.]/g, '\\$&')}:${line}:`);

  it('names the line that called, awaited or not', async () => {
    async function inner() {
      const line = nextLine();
      await api.services.get('nobody').catch((error) => assert.match(error.stack, names(line)));
    }
    await inner();
    const line = nextLine();
    const later = api.users.getAll('nobody');
    await assert.rejects(later, (error) => {
      assert.match(error.stack, names(line));
      assert.ok(error.stack.startsWith(`NoSuchResourceError: ${error.message}\n    at `));
      assert.ok(!error.stack.includes('calls.cjs'), error.stack);
      return true;
    });
  });

  it('names the callers above, over awaits', async () => {
    async function outermost() {
      await null;
      await middle();
    }
    async function middle() {
      await null;
      const told = (error) => Promise.reject(Object.assign(error, { line }));
      const line = nextLine();
      await api.services.get('nobody').catch(told);
    }
    await assert.rejects(outermost(), (error) => {
      assert.match(error.stack, names(error.line));
      assert.match(error.stack, /at async outermost/);
      return true;
    });
  });

  it('names the line also for what was refused before it was sent', async () => {
    const line = nextLine();
    const refused = [api.services.get('..'), api.services.get(7), api.services.get('s', { a: 1 })];
    for (const { reason } of await Promise.allSettled(refused)) {
      assert.ok(reason instanceof verigator.InvalidArgumentError);
      assert.match(reason.stack, names(line));
      assert.equal(reason.operation, 'services.get');
    }
  });

  it('is left alone when somebody else makes stacks', async () => {
    const { prepareStackTrace } = Error;
    Error.prepareStackTrace = () => 'mine';
    try {
      await assert.rejects(api.services.get('nobody'), (error) => {
        assert.equal(error.stack, 'mine');
        return true;
      });
      Error.prepareStackTrace = (_, sites) => sites;
      await assert.rejects(api.services.get('nobody'), verigator.NoSuchResourceError);
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
    }
  });
});
