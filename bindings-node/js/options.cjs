// The options of a client and of a call: their names, what the environment adds, and what they are
// to the native part. What a value means is decided there.
'use strict';

const check = require('./check.cjs');
const { ConfigurationError, InvalidArgumentError } = require('./errors.cjs');

const CLIENT = {
  timeout: check.duration,
  connectTimeout: check.duration,
  deadline: check.duration,
  maxRetries: check.count,
  idempotency: check.text,
  poolIdleTimeout: check.durationOrZero,
  proxy: check.address,
  caBundle: check.certificates,
  appInfo: check.text,
  allowInsecureHttp: check.flag,
  logger: check.logger,
};

const CALL = {
  timeout: check.duration,
  deadline: check.duration,
  maxRetries: check.count,
  signal: check.signal,
};

const VERIFY = { ...CALL, method: check.text };

/** @typedef {Partial<ReturnType<typeof check.object<typeof VERIFY>>>} Said */

/**
 * @param {unknown} username
 * @param {unknown} password
 * @param {unknown} endpoint
 * @param {unknown} options
 */
function clientOptions(username, password, endpoint, options) {
  const { logger, ...said } = check.object(options, CLIENT, ConfigurationError);
  return {
    logger,
    native: {
      ...said,
      username: check.optional('username', username, check.text, ConfigurationError),
      password: check.optional('password', password, check.text, ConfigurationError),
      endpoint: check.optional('endpoint', endpoint, check.address, ConfigurationError),
      environment: environment(),
      runtime: runtime(),
    },
  };
}

/**
 * What the native part has defaults for is in `settings`.
 *
 * @param {string} operation
 * @param {unknown} options
 * @returns {Pick<Said, 'signal' | 'method'> & { settings?: Omit<Said, 'signal' | 'method'> }}
 */
function callOptions(operation, options) {
  if (options === undefined || options === null) {
    return {};
  }
  const checks = operation.startsWith('auth.verify') ? VERIFY : CALL;
  /** @type {Said} */
  const { signal, method, ...settings } = check.object(options, checks, InvalidArgumentError);
  return { signal, method, settings };
}

// From here, since the native part would see the process's environment where a worker thread has
// its own. Which variables count, and for what, is decided there.
function environment() {
  const variables = Object.entries(process.env).filter(([name]) => name.startsWith('VERIGATOR_'));
  return /** @type {Record<string, string>} */ (Object.fromEntries(variables));
}

function runtime() {
  const name = ['bun', 'deno'].find((name) => process.versions[name]) ?? 'node';
  return `${name}/${process.versions[name]}`;
}

module.exports = { callOptions, clientOptions };
