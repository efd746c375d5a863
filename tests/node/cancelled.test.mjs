// Ten thousand calls that are aborted, at every stage of a call: what they leave behind is nothing.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Api, RequestAbortedError } from 'verigator';

import { CALLS, GIVEN } from './support/calls.mjs';
import { answerJson, startScripted, SUCCESS } from './support/scripted.mjs';

const AT_ONCE = 100;

/** When a call is aborted, and what of it can have been sent by then. */
const STAGES = [
  { stage: 'before it starts', outcome: 'not_sent' },
  { stage: 'as soon as it starts', outcome: 'unknown' },
  { stage: 'as it arrives', outcome: 'unknown' },
  { stage: 'in the middle of the answer', outcome: 'unknown' },
];

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

/** Of calls that wait to arrive, by number: what to do then. */
const arriving = new Map();
let server;
let api;

before(async () => {
  server = await startScripted((request, response) => {
    if (request.url.endsWith('/answered')) {
      answerJson(response, ...SUCCESS['services.get']);
      return;
    }
    const [id] = /call-\d+/.exec(request.url + request.text);
    const { stage, controller } = arriving.get(id) ?? {};
    if (stage === 'as it arrives') {
      controller.abort();
    } else if (stage === 'in the middle of the answer') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"id": ', () => controller.abort());
    }
  });
  api = new Api('user', 'pass', server.url, { timeout: 60_000, maxRetries: 0 });
});
after(() => server.stop());

const calls = Object.values(CALLS);
let made = 0;

async function abortOne() {
  made += 1;
  const id = `call-${made}`;
  const { stage, outcome } = STAGES[made % STAGES.length];
  const controller = new AbortController();
  const { signal } = controller;
  arriving.set(id, { stage, controller });
  if (stage === 'before it starts') controller.abort();
  const given = { ...GIVEN, id, service_id: id, domain: id };
  const call = calls[Math.floor(made / STAGES.length) % calls.length](api, given, { signal });
  if (stage === 'as soon as it starts') controller.abort();
  const [{ reason }] = await Promise.allSettled([call]);
  arriving.delete(id);
  assert.ok(reason instanceof RequestAbortedError, String(reason));
  assert.deepEqual([reason.outcome, reason.cause], [outcome, signal.reason], stage);
}

async function abortMany(count) {
  let left = count;
  const one = async () => {
    while (left > 0) {
      left -= 1;
      await abortOne();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** Waits until there is no connection that carries a call; one may wait for the next. */
async function settled() {
  const began = performance.now();
  while (server.connections().open > 1) {
    const { open } = server.connections();
    assert.ok(performance.now() - began < 10_000, `the server has ${open} connections left`);
    await setTimeout(10);
  }
}

const entries = (folder) => (existsSync(folder) ? readdirSync(folder).length : 0);

async function measure() {
  await settled();
  for (let round = 0; round < 3; round += 1) {
    gc();
    await setImmediate();
  }
  const { used_heap_size: heap, total_physical_size: ofEngine } = getHeapStatistics();
  return {
    heap: heap / 2 ** 20,
    native: (process.memoryUsage.rss() - ofEngine) / 2 ** 20,
    files: entries('/proc/self/fd'),
    threads: entries('/proc/self/task'),
    handles: process._getActiveHandles().length,
    requests: process._getActiveRequests().length,
  };
}

/**
 * By how much it grew in the batch in which it grew least: room is made now and then, a leak
 * grows in every one.
 */
function growth(measured, name) {
  const steps = measured.slice(1).map((its, n) => its[name] - measured[n][name]);
  return Math.min(...steps);
}

it(
  'leaves no memory, task, thread or socket, and a client that works',
  { timeout: 60_000 },
  async () => {
    await api.services.get('answered');
    await abortMany(2000);
    const measured = [await measure()];
    for (let batch = 0; batch < 4; batch += 1) {
      await abortMany(2500);
      measured.push(await measure());
    }
    const shown = JSON.stringify(measured);
    // A kilobyte for each call would be 2.4 MiB.
    assert.ok(growth(measured, 'heap') < 1, shown);
    assert.ok(growth(measured, 'native') < 2, shown);
    const [first] = measured;
    const last = measured.at(-1);
    assert.ok(last.files <= first.files + 2, shown);
    assert.ok(last.threads <= first.threads + 1, shown);
    assert.ok(last.handles <= first.handles + 2, shown);
    assert.equal(last.requests, 0, shown);

    assert.equal((await api.services.get('answered')).name, 'Example');
  },
);
