// Authentications: send a PIN or ask the authenticator, and check what the user typed.
'use strict';

const { Verification } = require('./models.cjs');

/**
 * @typedef {import('./index.cjs').CallOptions} CallOptions
 * @typedef {import('./index.cjs').VerifyOptions} VerifyOptions
 * @typedef {import('../native/index.js').VerificationFields} VerificationFields
 */

const METHOD_SMS = 'sms';
const METHOD_TOTP = 'totp';

class Auth {
  #client;

  /** @param {InstanceType<typeof import('./client.cjs').Client>} client */
  constructor(client) {
    this.#client = client;
    this.METHOD_SMS = METHOD_SMS;
    this.METHOD_TOTP = METHOD_TOTP;
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {string} method
   * @param {CallOptions} [options]
   */
  async initiate(serviceId, userId, method, options) {
    const given = { serviceId, userId, method };
    const finished = await this.#client.call('auth.initiate', given, options);
    return /** @type {string} */ (finished.method);
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {string} token
   * @param {VerifyOptions} [options]
   */
  async verify(serviceId, userId, token, options) {
    return (await this.#said('auth.verify', serviceId, userId, token, options)).verified;
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {string} token
   * @param {VerifyOptions} [options]
   */
  async verifyDetailed(serviceId, userId, token, options) {
    return this.#said('auth.verify', serviceId, userId, token, options);
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {string} token
   * @param {VerifyOptions} [options]
   */
  async verifyOrThrow(serviceId, userId, token, options) {
    return this.#said('auth.verify_or_error', serviceId, userId, token, options);
  }

  /**
   * @param {string} operation
   * @param {string} serviceId
   * @param {string} userId
   * @param {string} token
   * @param {VerifyOptions} [options]
   */
  async #said(operation, serviceId, userId, token, options) {
    const given = { serviceId, userId, token };
    const { verification } = await this.#client.call(operation, given, options);
    return new Verification(/** @type {VerificationFields} */ (verification));
  }
}

module.exports = { Auth };
