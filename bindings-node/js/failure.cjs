// From what the native part says of a failed call to the error that its caller catches, with the
// caller's own stack: the native part has none, and by then JavaScript's is gone.
'use strict';

const errors = require('./errors.cjs');

/**
 * @typedef {import('../native/index.js').Failure} Failure
 * @typedef {{ stack?: unknown }} CallSite
 */

/**
 * Remembers who calls. The text is made only if it is asked for, but each function in between is
 * looked at: so this is called by the one that the caller knows.
 *
 * @param {Function} below what to leave out, with all that it called
 * @returns {CallSite}
 */
function callSite(below) {
  const site = {};
  Error.captureStackTrace(site, below);
  return site;
}

/**
 * @template {Error} T
 * @param {T} error
 * @param {CallSite} site
 * @returns {T}
 */
function calledFrom(error, site) {
  // Whoever set Error.prepareStackTrace may have made something else of it.
  const stack = typeof site.stack === 'string' ? site.stack : '';
  const frames = stack.indexOf('\n    at ');
  if (frames !== -1) {
    const value = `${error.name}: ${error.message}${stack.slice(frames)}`;
    Object.defineProperty(error, 'stack', { value, configurable: true, writable: true });
  }
  return error;
}

/** @param {Failure} failure */
function errorOf(failure) {
  const { kind, class: name, message, causes, ...details } = failure;
  const cause = causeOf(causes);
  const Class = /** @type {typeof errors.VerigatorError} */ (
    Reflect.get(errors, name) ?? errors.VerigatorError
  );
  return new Class(message, {
    ...details,
    outcome: /** @type {import('./index.cjs').Outcome} */ (details.outcome),
    code: errors.codeOf(kind),
    ...(cause && { cause }),
  });
}

/**
 * @param {string[]} texts nearest first
 * @returns {Error | undefined}
 */
function causeOf(texts) {
  return texts.reduceRight((/** @type {Error | undefined} */ cause, text) => {
    const error = new Error(text, cause && { cause });
    // It happened elsewhere: the stack of this line would mislead.
    error.stack = `Error: ${text}`;
    return error;
  }, undefined);
}

/**
 * What the native part threw, which it never should.
 *
 * @param {unknown} cause
 */
function bug(cause) {
  return new errors.VerigatorError('a fault in verigator, please report it', {
    code: errors.codeOf('bug'),
    errorCode: 'bug',
    outcome: 'unknown',
    cause,
  });
}

module.exports = { bug, callSite, calledFrom, errorOf };
