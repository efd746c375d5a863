// Services, users and what is said of a PIN, in both styles. They send nothing themselves: a
// service or user that an Api returned asks the resources of that Api.
'use strict';

const { inspect } = require('node:util');
const { ConfigurationError, InvalidArgumentError } = require('./errors.cjs');
const { maskedUsername, shown } = require('./masked.cjs');
const { resourcesOf } = require('./owners.cjs');

/**
 * @typedef {InstanceType<typeof import('./resources.cjs').Resources>} Resources
 * @typedef {import('./index.cjs').CallOptions} CallOptions
 * @typedef {import('./index.cjs').VerifyOptions} VerifyOptions
 */

const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?$/i;

class Service {
  #resources;

  /**
   * @param {import('./index.cjs').ServiceFields} fields
   * @param {Resources} [resources] of whoever returned it
   */
  constructor(fields, resources) {
    this.id = text(fields, 'id');
    this.creationTime = text(fields, 'creationTime');
    this.name = text(fields, 'name');
    this.#resources = resources;
    Object.freeze(this);
  }

  /**
   * @param {import('./index.cjs').Verigator | import('./index.cjs').Api} verigator
   * @param {string} id
   * @param {CallOptions} [options]
   */
  static async get(verigator, id, options) {
    return resourcesOf(verigator).services.get(id, options);
  }

  get createdAt() {
    return time(this.creationTime);
  }

  /**
   * @param {string} username
   * @param {string} phoneNumber
   * @param {CallOptions} [options]
   */
  async registerUser(username, phoneNumber, options) {
    return bound(this.#resources, 'service').users.create(this.id, phoneNumber, username, options);
  }

  /**
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async getUser(id, options) {
    return bound(this.#resources, 'service').users.get(this.id, id, options);
  }

  /** @param {CallOptions} [options] */
  async getUsers(options) {
    return bound(this.#resources, 'service').users.getAll(this.id, options);
  }

  /** @param {CallOptions} [options] */
  async delete(options) {
    return bound(this.#resources, 'service').services.delete(this.id, options);
  }
}

class User {
  #resources;
  #serviceId;

  /**
   * @param {import('./index.cjs').UserFields} fields
   * @param {Resources} [resources] of whoever returned it
   * @param {string} [serviceId]
   */
  constructor(fields, resources, serviceId = '') {
    this.id = text(fields, 'id');
    this.creationTime = text(fields, 'creationTime');
    this.username = text(fields, 'username');
    this.#resources = resources;
    this.#serviceId = serviceId;
    Object.freeze(this);
  }

  get createdAt() {
    return time(this.creationTime);
  }

  /** @param {CallOptions} [options] */
  async authenticateUsingSMS(options) {
    const { auth } = bound(this.#resources, 'user');
    return auth.initiate(this.#serviceId, this.id, auth.METHOD_SMS, options);
  }

  /** @param {CallOptions} [options] */
  async authenticateUsingTotp(options) {
    const { auth } = bound(this.#resources, 'user');
    return auth.initiate(this.#serviceId, this.id, auth.METHOD_TOTP, options);
  }

  /**
   * @param {string} pin
   * @param {VerifyOptions} [options]
   */
  async verifyPin(pin, options) {
    const { auth } = bound(this.#resources, 'user');
    return auth.verifyDetailed(this.#serviceId, this.id, pin, options);
  }

  /** @param {CallOptions} [options] */
  async delete(options) {
    return bound(this.#resources, 'user').users.delete(this.#serviceId, this.id, options);
  }

  /**
   * @param {number} depth
   * @param {Parameters<typeof shown>[3]} options
   */
  [inspect.custom](depth, options) {
    const username = maskedUsername(this.username);
    return shown('User', { ...this, username }, depth, options);
  }
}

class Verification {
  /** @param {import('./index.cjs').VerificationFields} fields */
  constructor({ verified, method, status }) {
    this.verified = verified;
    this.method = method;
    this.status = status && Object.freeze({ ...status });
    Object.freeze(this);
  }

  isVerified() {
    return this.verified;
  }
}

class Enrolment {
  /** @param {import('./index.cjs').EnrolmentFields} fields */
  constructor({ uri, secret, qr }) {
    this.uri = uri;
    this.secret = secret;
    this.qr = qr;
    Object.freeze(this);
  }

  [inspect.custom]() {
    return 'Enrolment [redacted]';
  }
}

/**
 * @template {string} Name
 * @param {Record<Name, unknown>} fields
 * @param {Name} name
 */
function text(fields, name) {
  const value = fields[name];
  if (typeof value !== 'string') {
    throw new InvalidArgumentError(`${name} must be a string`);
  }
  return value;
}

/**
 * @param {Resources | undefined} resources
 * @param {string} what
 */
function bound(resources, what) {
  if (!resources) {
    throw new ConfigurationError(
      `this ${what} belongs to no client: only one that an Api or a Verigator returned can be asked`,
    );
  }
  return resources;
}

/**
 * A time without a zone is UTC. What is no time gives an invalid Date.
 *
 * @param {string} said
 */
function time(said) {
  const parts = TIME.exec(said);
  return new Date(parts ? said + (parts[3] ? '' : 'Z') : NaN);
}

module.exports = { Enrolment, Service, User, Verification };
