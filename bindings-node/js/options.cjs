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
      username:
        check.optional('username', username, check.text, ConfigurationError) ??
        variable('VERIGATOR_USERNAME'),
      password:
        check.optional('password', password, check.text, ConfigurationError) ??
        variable('VERIGATOR_PASSWORD'),
      endpoint:
        check.optional('endpoint', endpoint, check.address, ConfigurationError) ??
        variable('VERIGATOR_ENDPOINT'),
      timeout: said.timeout ?? timeoutVariable(),
      maxRetries: said.maxRetries ?? retriesVariable(),
      caBundle: said.caBundle ?? variable('VERIGATOR_CA_BUNDLE'),
      runtime: runtime(),
    },
  };
}

/**
 * @param {string} operation
 * @param {unknown} options
 */
function callOptions(operation, options) {
  const checks = operation.startsWith('auth.verify') ? VERIFY : CALL;
  /** @type {Said} */
  const { signal, method, ...settings } = check.object(options, checks, InvalidArgumentError);
  return { signal, method, settings };
}

// Read here and not in the native part, which would see the process's environment where a worker
// thread has its own.
/** @param {string} name */
function variable(name) {
  return process.env[name] || undefined;
}

function timeoutVariable() {
  const text = variable('VERIGATOR_TIMEOUT');
  if (text === undefined) {
    return undefined;
  }
  const seconds = Number(text);
  if (!(seconds > 0 && Number.isFinite(seconds))) {
    throw new ConfigurationError('VERIGATOR_TIMEOUT must be a number of seconds');
  }
  return seconds * 1000;
}

function retriesVariable() {
  const text = variable('VERIGATOR_MAX_RETRIES');
  if (text === undefined) {
    return undefined;
  }
  if (!/^\d{1,9}$/.test(text)) {
    throw new ConfigurationError('VERIGATOR_MAX_RETRIES must be a whole number, 0 or more');
  }
  return Number(text);
}

function runtime() {
  const name = ['bun', 'deno'].find((name) => process.versions[name]) ?? 'node';
  return `${name}/${process.versions[name]}`;
}

module.exports = { callOptions, clientOptions };
