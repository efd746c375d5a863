// Every contract vector: the same calls, requests, answers and results as in the other languages.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';

import * as verigator from 'verigator';

import { CALLS } from './support/calls.mjs';
import { startPeer } from './support/peer.mjs';

const folder = new URL('../contract/', import.meta.url);

const OPTIONS = {
  timeout: ['timeout', 1000],
  connect_timeout: ['connectTimeout', 1000],
  deadline: ['deadline', 1000],
  pool_idle_timeout: ['poolIdleTimeout', 1000],
  max_retries: ['maxRetries'],
  idempotency: ['idempotency'],
  app_info: ['appInfo'],
};

function optionsOf(said = {}) {
  const entries = Object.entries(said).map(([name, value]) => {
    const [ours, factor] = OPTIONS[name] ?? assert.fail(`unknown option ${name}`);
    return [ours, factor ? value * factor : value];
  });
  return Object.fromEntries(entries);
}

function clientOf(vector, places) {
  const { username = 'user', password = 'pass', endpoint, ...options } = vector.client ?? {};
  const own = vector.endpoint === 'closed' ? places.closed_url : `${places.url}/${vector.name}`;
  return new verigator.Api(username, password, endpoint ?? own, optionsOf(options));
}

function make(api, { operation, arguments: given, options }) {
  const call = CALLS[operation] ?? assert.fail(`unknown operation ${operation}`);
  const { method, ...rest } = given;
  const own = optionsOf(options);
  return operation.startsWith('auth.verify')
    ? call(api, rest, method === undefined ? own : { ...own, method })
    : call(api, given, own);
}

function compare(result, expected) {
  const [[kind, value], ...more] = Object.entries(expected);
  assert.deepEqual(more, [], 'a result has one key');
  switch (kind) {
    case 'none':
      return assert.equal(result, undefined);
    case 'method':
    case 'verified':
    case 'confirmed':
      return assert.equal(result, value);
    case 'service':
      return isModel(result, verigator.Service, names(value));
    case 'user':
      return isModel(result, verigator.User, names(value));
    case 'users':
      assert.equal(result.length, value.length);
      return result.forEach((user, n) => isModel(user, verigator.User, names(value[n])));
    case 'enrolment':
      return isModel(result, verigator.Enrolment, value);
    case 'verification': {
      const { method, status, ...rest } = value;
      return isModel(result, verigator.Verification, {
        ...rest,
        ...(method !== null && { method }),
        ...(status !== null && { status }),
      });
    }
    default:
      return assert.fail(`unknown result ${kind}`);
  }
}

const names = ({ creation_time: creationTime, ...rest }) => ({ ...rest, creationTime });

function isModel(result, Class, fields) {
  assert.ok(result instanceof Class);
  assert.deepEqual(JSON.parse(JSON.stringify(result)), fields);
}

const ERROR_KEYS = {
  kind: (error) => error.code.replace('ERR_VERIGATOR_', '').toLowerCase(),
  class: (error) => error.constructor.name,
  code: (error) => error.status,
  message: (error) => error.message,
  error_code: (error) => error.errorCode,
  operation: (error) => error.operation ?? null,
  attempts: (error) => error.attempts,
  outcome: (error) => error.outcome,
  safe_to_retry: (error) => error.safeToRetry,
  retry_after: (error) => (error.retryAfter === undefined ? null : error.retryAfter / 1000),
  request_id: (error) => error.requestId ?? null,
};

function compareError(error, said, vector) {
  assert.ok(error instanceof verigator.VerigatorError, inspect(error));
  const expected = { operation: null, retry_after: null, ...said };
  const seen = {};
  for (const key of Object.keys(expected)) {
    const read = ERROR_KEYS[key] ?? assert.fail(`unknown key of an error: ${key}`);
    seen[key] = read(error);
  }
  assert.deepEqual(seen, expected);
  assert.notEqual(error.message, '');
  assert.ok(String(error.stack).includes(error.message));
  const { username = 'user', password = 'pass' } = vector.client ?? {};
  const secrets = [`${username}:${password}`, vector.call.arguments.token];
  const shown = [error.message, inspect(error), error.stack, JSON.stringify(error)].join('\n');
  for (const secret of secrets.filter(Boolean)) {
    assert.ok(!shown.includes(secret), 'an error shows a secret');
  }
}

async function outcome(vector, places) {
  let api;
  try {
    api = clientOf(vector, places);
    for (const { call } of vector.before ?? []) {
      await make(api, call);
    }
    return { result: await make(api, vector.call) };
  } catch (error) {
    return { error };
  } finally {
    await api?.close();
  }
}

describe('contract', { concurrency: 32 }, () => {
  let peer;
  before(async () => {
    peer = await startPeer();
  });
  after(() => peer.stop());

  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    for (const vector of JSON.parse(readFileSync(new URL(file, folder), 'utf8'))) {
      it(vector.name, async () => {
        const { result, error } = await outcome(vector, peer.places);
        if (vector.result.error) {
          assert.ok(error, `no error, but ${inspect(result)}`);
          compareError(error, vector.result.error, vector);
        } else if (error) {
          throw error;
        } else {
          compare(result, vector.result);
        }
        const verdict = await fetch(`${peer.places.url}/-/verdict/${vector.name}`);
        assert.deepEqual(await verdict.json(), { ok: true });
      });
    }
  }
});
