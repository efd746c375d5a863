// How often a request is sent, counted where it arrives: every operation, every way to fail.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Api, VerigatorError } from 'verigator';

import { CALLS, GIVEN, OPERATIONS } from './support/calls.mjs';
import { answerJson, startScripted, SUCCESS } from './support/scripted.mjs';

const now = { 'retry-after': '0' };

const status = (code, headers) => (response) => answerJson(response, code, {}, headers);

/** Ways to fail that may have acted: the answer to one request, all of it or none. */
const AMBIGUOUS = {
  'a 500': status(500),
  'a 502': status(502),
  'a 503': status(503),
  'a 500 with Retry-After': status(500, now),
  'a 502 with Retry-After': status(502, now),
  'an end without an answer': (response) => response.socket.end(),
  'a reset': (response) => response.socket.resetAndDestroy(),
  'half an answer': (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"id": "s"', () => response.socket.end());
  },
};

/** Ways to say: not now. */
const DECLINED = {
  'a 408': status(408),
  'a 425': status(425),
  'a 429': status(429),
  'a 408 with Retry-After': status(408, now),
  'a 425 with Retry-After': status(425, now),
  'a 429 with Retry-After': status(429, now),
  'a 503 with Retry-After': status(503, now),
};

/** Ways to fail that no second request changes. */
const FINAL = {
  ...Object.fromEntries(
    [302, 307, 400, 401, 403, 404, 409, 410, 418, 422].map((code) => [`a ${code}`, status(code)]),
  ),
  'an answer that is no JSON': (response) => response.writeHead(200).end('<html>'),
};

const REPEATABLE = /\.(get|get_all|delete|remove)$/;

/** The retry table of the contract. */
function isRepeated(operation, ways, idempotency) {
  if (ways === FINAL) return false;
  if (idempotency === 'on' || REPEATABLE.test(operation)) return true;
  const creates = ['services.create', 'users.create', 'totp.enrol'].includes(operation);
  return ways === DECLINED && creates;
}

let server;
/** What to answer, by the first segment of the path; one way after the other, then with success. */
const cases = new Map();

before(async () => {
  server = await startScripted((request, response) => {
    const its = cases.get(request.url.split('/')[1]);
    its.sends += 1;
    const way = its.ways.shift();
    if (way) way(response);
    else answerJson(response, ...SUCCESS[its.operation]);
  });
});
after(() => server.stop());

/** Makes a call whose first requests end in these ways. */
async function meet(operation, ways, options, own) {
  const id = `case-${cases.size}`;
  const its = { operation, ways: [...ways], sends: 0 };
  cases.set(id, its);
  const api = new Api('user', 'pass', `${server.url}/${id}`, options);
  const [ended] = await Promise.allSettled([CALLS[operation](api, GIVEN, own)]);
  await api.close();
  return { ...ended, sends: its.sends };
}

function isOneSend(ended, shown) {
  assert.equal(ended.sends, 1, shown);
  const error = ended.reason;
  assert.ok(error instanceof VerigatorError, shown);
  assert.equal(error.attempts, 1, shown);
  assert.notEqual(error.outcome, 'not_sent', shown);
}

const all = (work) => Promise.all(work);

describe('a request', { concurrency: 12 }, () => {
  for (const operation of OPERATIONS) {
    for (const idempotency of ['on', 'off']) {
      const shown = `${operation} with idempotency ${idempotency}`;

      it(`${shown} and maxRetries 0 is sent exactly once`, () =>
        all(
          Object.entries({ ...AMBIGUOUS, ...DECLINED, ...FINAL }).map(async ([name, way]) => {
            const [client, call] = await all([
              meet(operation, [way], { idempotency, maxRetries: 0 }),
              meet(operation, [way], { idempotency }, { maxRetries: 0 }),
            ]);
            isOneSend(client, `${name}, of the client`);
            isOneSend(call, `${name}, of the call`);
          }),
        ));

      it(`${shown} is sent again only where that is harmless, and then succeeds`, () =>
        all(
          [AMBIGUOUS, DECLINED, FINAL].flatMap((ways) =>
            Object.entries(ways).map(async ([name, way]) => {
              const ended = await meet(operation, [way], { idempotency });
              if (isRepeated(operation, ways, idempotency)) {
                assert.deepEqual([ended.status, ended.sends], ['fulfilled', 2], name);
              } else {
                isOneSend(ended, name);
              }
            }),
          ),
        ));
    }
  }
});

it('every failure three times is three sends, where it is sent again at all', () =>
  all(
    Object.entries({ ...AMBIGUOUS, ...DECLINED }).map(async ([name, way]) => {
      const ended = await meet('auth.initiate', [way, way, way], { idempotency: 'on' });
      assert.deepEqual([ended.sends, ended.reason?.attempts], [3, 3], name);
    }),
  ));

it('what gets no answer is sent exactly once with maxRetries 0', () =>
  all(
    OPERATIONS.flatMap((operation) =>
      ['on', 'off'].map(async (idempotency) => {
        const silence = () => {};
        const options = { idempotency, timeout: 1500, maxRetries: 0 };
        isOneSend(await meet(operation, [silence], options), `${operation} ${idempotency}`);
      }),
    ),
  ));
