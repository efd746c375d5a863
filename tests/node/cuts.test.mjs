// Each operation, with its connection cut at byte after byte of the request and of the answer.
//
// At every 23rd byte, and at all those where the head or the body begins or ends: Rust does it at
// every single one, and the binding adds no rule. All is done in advance and at the same time, since
// most calls are waiting for their next attempt.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';

import { Api, VerigatorConnectionError, VerigatorError } from 'verigator';

import { actsOf, DEEDS, isDone, perform, Stage } from './support/deeds.mjs';
import { startPeer } from './support/peer.mjs';

const AT_ONCE = 128;
const STEP = 23;
/** What is longer, as only the picture of an enrolment is, in so many steps. */
const STEPS = 30;
/** The first and two more, which is the default. */
const ATTEMPTS = 3;
const HOWS = ['reset', 'close'];

const isRepeatable = (deed) => /\.(get|get_all|delete|remove)$/.test(deed);

/** A request without a body carries no key, so keys change nothing for those deeds. */
const SWEEPS = DEEDS.flatMap((deed) =>
  (isRepeatable(deed) ? ['off'] : ['off', 'on']).map((idempotency) => ({ deed, idempotency })),
);

let peer;
let faults;
let stage;
/** Of each sweep, in the same order. */
let trials;

before(
  async () => {
    peer = await startPeer();
    ({ faults } = peer.places);
    const { url, username, password } = faults.sandbox;
    stage = await Stage.set(new Api(username, password, url), url);
    const shots = (await Promise.all(SWEEPS.map(shotsOf))).flat();
    const fired = await fireAll(shots);
    trials = SWEEPS.map((sweep) => fired.filter(({ shot }) => shot.sweep === sweep));
  },
  { timeout: 120_000 },
);
after(() => peer.stop());

async function control(method, path, body) {
  const answer = await fetch(`${faults.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}

function client(url, idempotency) {
  const { username, password } = faults.sandbox;
  return new Api(username, password, url, { idempotency });
}

/** How many bytes a deed sends and gets, and how many of them are the head. */
async function measure({ deed, idempotency }) {
  const { hostname, port } = new URL(faults.sandbox.url);
  const passed = { request: [], answer: [] };
  const relay = createServer((near) => {
    const far = connect(Number(port), hostname);
    near.on('data', (bytes) => passed.request.push(bytes)).pipe(far);
    far.on('data', (bytes) => passed.answer.push(bytes)).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const api = client(`http://127.0.0.1:${relay.address().port}`, idempotency);
  await perform(api, await stage.prepare(deed));
  await api.close();
  relay.close();
  return Object.entries(passed).map(([direction, parts]) => {
    const bytes = Buffer.concat(parts);
    return { direction, head: bytes.indexOf('\r\n\r\n') + 4, whole: bytes.length };
  });
}

async function shotsOf(sweep) {
  const shots = [];
  for (const { direction, head, whole } of await measure(sweep)) {
    const shoot = (after, how, times) => {
      shots.push({ sweep, direction, whole, after, how, times });
    };
    const edges = [0, 1, head - 1, head, head + 1, whole - 1, whole].filter((it) => it <= whole);
    for (const after of new Set(edges)) {
      for (const how of HOWS) shoot(after, how, 1);
    }
    const step = Math.max(STEP, Math.ceil(whole / STEPS));
    for (let n = 0; n * step < whole; n += 1) shoot(n * step, HOWS[n % 2], 1);
    for (const [n, after] of [0, 1, head, whole - 1, whole].entries()) {
      shoot(after, HOWS[n % 2], ATTEMPTS - 1);
      shoot(after, HOWS[n % 2], ATTEMPTS);
    }
  }
  return shots;
}

async function fireAll(shots) {
  const left = shots.values();
  const fired = [];
  const gunner = async () => {
    for (const shot of left) fired.push(await fire(shot));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, gunner));
  return fired;
}

async function fire(shot) {
  const { sweep, direction, after, how, times } = shot;
  const task = await stage.prepare(sweep.deed);
  const proxy = await control('POST', '/proxies', { direction, after, how, times });
  const api = client(proxy.url, sweep.idempotency);
  const [{ value, reason: error }] = await Promise.allSettled([perform(api, task)]);
  await api.close();
  const { connections, cuts } = await control('GET', `/proxies/${proxy.id}`);
  await control('DELETE', `/proxies/${proxy.id}`);
  const acts = await stage.acts(task, value);
  return { shot, task, value, error, connections, cuts, acts };
}

function judge({ shot, task, value, error, connections, cuts, acts }) {
  const { deed, idempotency } = shot.sweep;
  const isInForce = idempotency === 'on' || isRepeatable(deed);
  const shown = inspect({ shot, value, error, connections, cuts, acts });
  assert.ok(acts <= 1, `twice: ${shown}`);
  // The picture of an enrolment is different in each.
  const isSure = deed !== 'totp.enrol' || shot.after < shot.whole / 2;
  assert.ok(cuts > 0 || !isSure, `never cut: ${shown}`);
  if (!error) {
    assert.ok(isDone(task, value), shown);
    assert.equal(acts, actsOf(deed), shown);
    return;
  }
  assert.ok(!isInForce || shot.times === ATTEMPTS, `the fault was over: ${shown}`);
  assert.ok(error instanceof VerigatorError, shown);
  assert.equal(error.constructor, VerigatorConnectionError, shown);
  if (error.outcome === 'not_sent') {
    assert.equal(acts, 0, shown);
    assert.equal(shot.times, ATTEMPTS, `the fault was over: ${shown}`);
  } else {
    assert.equal(error.outcome, 'unknown', shown);
    assert.ok(isRepeatable(deed) || !error.safeToRetry, shown);
  }
  if (shot.direction === 'answer') assert.equal(acts, actsOf(deed), shown);
  else if (shot.after < shot.whole) assert.equal(acts, 0, shown);
  assert.equal(error.attempts, connections, shown);
  if (isInForce) assert.equal(error.attempts, ATTEMPTS, shown);
  else if (shot.times === 1) assert.equal(error.attempts, 1, shown);
}

describe('with its connection cut at any byte', () => {
  for (const [n, { deed, idempotency }] of SWEEPS.entries()) {
    it(`${deed} happens at most once, with idempotency ${idempotency}`, () => {
      assert.ok(trials[n].length > 50, `${trials[n].length} trials`);
      trials[n].forEach(judge);
      const cuts = new Set(trials[n].map((trial) => trial.cuts));
      const expected = idempotency === 'on' || isRepeatable(deed) ? [1, 2, 3] : [1];
      assert.ok(
        expected.every((count) => cuts.has(count)),
        [...cuts].join(),
      );
    });
  }
});
