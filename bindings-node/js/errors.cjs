// The error classes. Know nothing of calls; never hold a credential, a PIN or a body.
'use strict';

/**
 * @typedef {import('./index.cjs').ErrorDetails} ErrorDetails
 */

class VerigatorError extends Error {
  static kind = 'unexpected_status';

  /**
   * @param {string} message
   * @param {ErrorDetails} [details]
   */
  constructor(message, details = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = details.code ?? codeOf(new.target.kind);
    this.status = details.status ?? 0;
    this.errorCode = details.errorCode ?? new.target.kind;
    this.operation = details.operation;
    this.attempts = details.attempts ?? 0;
    this.retryAfter = details.retryAfter;
    this.requestId = details.requestId;
    this.outcome = details.outcome ?? 'not_sent';
    this.safeToRetry = details.safeToRetry ?? false;
  }

  // JSON of an Error would leave out what happened.
  toJSON() {
    const { name, message } = this;
    return { ...this, name, message };
  }
}

class InvalidDataError extends VerigatorError {
  static kind = 'invalid_data';
}

class WrongCredentialsError extends VerigatorError {
  static kind = 'wrong_credentials';
}

class ResourceForbiddenError extends VerigatorError {
  static kind = 'resource_forbidden';
}

class NoSuchResourceError extends VerigatorError {
  static kind = 'no_such_resource';
}

class ResourceAlreadyExistsError extends VerigatorError {
  static kind = 'resource_already_exists';
}

class RateLimitError extends VerigatorError {
  static kind = 'rate_limited';
}

class InternalError extends VerigatorError {
  static kind = 'internal';
}

class InvalidResponseError extends VerigatorError {
  static kind = 'invalid_response';
}

class TransportError extends VerigatorError {
  static kind = 'transport';
}

class VerigatorConnectionError extends TransportError {
  static kind = 'connection';
}

class VerigatorTimeoutError extends TransportError {
  static kind = 'timeout';
}

class NotVerifiedError extends VerigatorError {
  static kind = 'not_verified';
}

class InvalidArgumentError extends VerigatorError {
  static kind = 'invalid_argument';
}

class ConfigurationError extends VerigatorError {
  static kind = 'configuration';
}

class ClientClosedError extends VerigatorError {
  static kind = 'client_closed';
}

class RequestAbortedError extends VerigatorError {
  static kind = 'request_aborted';
}

const classes = {
  VerigatorError,
  InvalidDataError,
  WrongCredentialsError,
  ResourceForbiddenError,
  NoSuchResourceError,
  ResourceAlreadyExistsError,
  RateLimitError,
  InternalError,
  InvalidResponseError,
  TransportError,
  VerigatorConnectionError,
  VerigatorTimeoutError,
  NotVerifiedError,
  InvalidArgumentError,
  ConfigurationError,
  ClientClosedError,
  RequestAbortedError,
};

for (const [name, Class] of Object.entries(classes)) {
  // The name that every platform gives to what an AbortSignal ended.
  const value = Class === RequestAbortedError ? 'AbortError' : name;
  Object.defineProperty(Class.prototype, 'name', { value, configurable: true, writable: true });
}

/**
 * The word for `error.code`, which Node's own errors shape so.
 *
 * @param {string} kind
 */
function codeOf(kind) {
  return `ERR_VERIGATOR_${kind.toUpperCase()}`;
}

module.exports = { ...classes, codeOf };
