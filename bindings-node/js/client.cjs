// One client: a call from its name and arguments to what it answered or the error of it. Knows
// nothing of services and users.
'use strict';

const { start } = require('./calls.cjs');
const check = require('./check.cjs');
const { InvalidArgumentError, RequestAbortedError, VerigatorError } = require('./errors.cjs');
const { bug, calledFrom, errorOf } = require('./failure.cjs');
const { log } = require('./log.cjs');
const native = require('./native.cjs');
const { callOptions, clientOptions } = require('./options.cjs');
const { onAbort } = require('./signals.cjs');

/**
 * @typedef {import('../native/index.js').Finished} Finished
 */

class Client {
  #native;
  #logger;
  /** What may be shown of it. */
  shown;

  /**
   * @param {unknown} username
   * @param {unknown} password
   * @param {unknown} endpoint
   * @param {unknown} options
   */
  constructor(username, password, endpoint, options) {
    const { logger, native: said } = clientOptions(username, password, endpoint, options);
    const { client, error } = native.open(said);
    if (error) {
      throw errorOf(error);
    }
    this.#native = /** @type {import('../native/index.js').Client} */ (client);
    this.#logger = logger;
    this.shown = {
      endpoint: this.#native.endpoint,
      username: this.#native.username,
    };
    log(logger, () => `client of ${this.shown.endpoint} as ${this.shown.username}`);
  }

  /**
   * @param {import('./failure.cjs').CallSite} site where an error is said to come from
   * @param {string} operation
   * @param {Record<string, unknown>} given the arguments by name, in the operation's order
   * @param {unknown} options
   * @returns {Promise<Finished>}
   */
  async call(site, operation, given, options) {
    const began = performance.now();
    const name = operation === 'auth.verify_or_error' ? 'auth.verify' : operation;
    let running;
    try {
      running = this.#begin(operation, name, given, options);
      const finished = await running.finished;
      if (finished.error) {
        throw errorOf(finished.error);
      }
      log(this.#logger, () => `${name} done ${since(began)}`);
      return finished;
    } catch (error) {
      if (error instanceof VerigatorError) {
        error.operation ??= name;
        log(this.#logger, () => `${name} failed ${since(began)}: ${summary(error)}`);
        calledFrom(error, site);
      }
      throw error;
    } finally {
      running?.unwatch?.();
    }
  }

  /**
   * @param {string} operation
   * @param {string} name
   * @param {Record<string, unknown>} given
   * @param {unknown} options
   */
  #begin(operation, name, given, options) {
    const { signal, method, settings } = callOptions(operation, options);
    const texts = [];
    for (const argument in given) {
      texts.push(check.required(argument, given[argument], check.text, InvalidArgumentError));
    }
    if (method !== undefined) {
      texts.push(method);
    }
    if (signal?.aborted) {
      throw aborted(name, signal, false);
    }
    const { finished, abort } = this.#start(operation, texts, settings);
    const unwatch = signal && onAbort(signal, () => abort(aborted(name, signal, true)));
    return { finished, unwatch };
  }

  /**
   * @param {string} operation
   * @param {string[]} texts
   * @param {import('../native/index.js').CallSettings | undefined} settings
   */
  #start(operation, texts, settings) {
    try {
      return start((calls, id) => calls.start(id, this.#native, operation, texts, settings));
    } catch (cause) {
      throw bug(cause);
    }
  }

  close() {
    this.#native.close();
    log(this.#logger, () => 'client closed');
  }
}

/**
 * @param {string} operation
 * @param {AbortSignal} signal
 * @param {boolean} sent
 */
function aborted(operation, signal, sent) {
  return new RequestAbortedError(`${operation} was aborted`, {
    operation,
    cause: signal.reason,
    outcome: sent ? 'unknown' : 'not_sent',
    safeToRetry: !sent || /\.(get|get_all|delete|remove)$/.test(operation),
  });
}

/** @param {number} began */
function since(began) {
  return `after ${(performance.now() - began).toFixed(1)} ms`;
}

// Not the message: a server may repeat in it what it was sent.
/** @param {InstanceType<typeof VerigatorError>} failure */
function summary({ constructor, code, status, attempts, outcome, requestId }) {
  const request = requestId === undefined ? '' : `, request ${requestId}`;
  return `${constructor.name} ${code}, status ${status}, attempts ${attempts}, ${outcome}${request}`;
}

module.exports = { Client };
