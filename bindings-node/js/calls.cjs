// The calls of this thread that are under way, by number. Knows nothing of what they do.
'use strict';

const { setInterval } = require('node:timers');
const native = require('./native.cjs');

/**
 * @typedef {import('../native/index.js').Finished} Finished
 * @typedef {{ resolve: (finished: Finished) => void, reject: (error: Error) => void }} Waiting
 */

const LONGEST_INTERVAL = 2 ** 31 - 1;

/** @type {Map<number, Waiting>} */
const waiting = new Map();
let last = 0;

const calls = new native.Calls(() => {
  for (const finished of calls.take()) {
    forget(finished.id)?.resolve(finished);
  }
});

// What wakes this thread does not keep the process alive; this does, while somebody waits.
const alive = setInterval(() => {}, LONGEST_INTERVAL);
alive.unref();

/**
 * Starts a call with a new number.
 *
 * @param {(calls: import('../native/index.js').Calls, id: number) => void} begin
 */
function start(begin) {
  const id = (last += 1);
  begin(calls, id);
  /** @type {Promise<Finished>} */
  const finished = new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
  });
  if (waiting.size === 1) {
    alive.ref();
  }
  /**
   * Ends it with this error, unless it is finished.
   *
   * @param {Error} error
   */
  const abort = (error) => {
    const its = forget(id);
    if (its) {
      calls.abort(id);
      its.reject(error);
    }
  };
  return { finished, abort };
}

/** @param {number} id */
function forget(id) {
  const its = waiting.get(id);
  if (waiting.delete(id) && waiting.size === 0) {
    alive.unref();
  }
  return its;
}

module.exports = { start };
