// Where a client says what it does: `NODE_DEBUG=verigator`, and the `logger` that it was given.
'use strict';

const { debuglog } = require('node:util');

const debug = debuglog('verigator');

/**
 * @param {import('./index.cjs').Logger | undefined} logger
 * @param {() => string} message made only if somebody listens
 */
function log(logger, message) {
  if (logger) {
    try {
      logger.debug(`verigator: ${message()}`);
    } catch {
      // A call that may have sent a message does not fail for a logger.
    }
  }
  if (debug.enabled) {
    debug('%s', message());
  }
}

module.exports = { log };
