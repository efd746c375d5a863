// Waits for what the sandbox does on a thread of its own. Knows nothing of what that is.
'use strict';

const { start } = require('./calls.cjs');
const { callSite, calledFrom, errorOf } = require('./failure.cjs');

/**
 * @typedef {import('../native/index.js').Calls} Calls
 */

/**
 * Begins a call and waits for its end. An error is thrown as if in the caller of `below`.
 *
 * @param {Function} below
 * @param {(calls: Calls, id: number) => void} begin
 */
async function wait(below, begin) {
  const site = callSite(below);
  const finished = await start(begin).finished;
  if (finished.error) {
    throw calledFrom(errorOf(finished.error), site);
  }
  return finished;
}

module.exports = { wait };
