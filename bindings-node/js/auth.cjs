// Authentications: send a PIN or ask the authenticator, and check what the user typed.
'use strict';

const { callSite } = require('./failure.cjs');
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
    const site = callSite(this.initiate);
    const given = { serviceId, userId, method };
    const finished = await this.#client.call(site, 'auth.initiate', given, options);
    return /** @type {string} */ (finished.method);
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {string} token
   * @param {VerifyOptions} [options]
   */
  async verify(serviceId, userId, token, options) {
    const site = callSite(this.verify);
    const given = { serviceId, userId, token };
    return (await this.#said(site, 'auth.verify', given, options)).verified;
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {string} token
   * @param {VerifyOptions} [options]
   */
  async verifyDetailed(serviceId, userId, token, options) {
    const site = callSite(this.verifyDetailed);
    const given = { serviceId, userId, token };
    return this.#said(site, 'auth.verify', given, options);
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {string} token
   * @param {VerifyOptions} [options]
   */
  async verifyOrThrow(serviceId, userId, token, options) {
    const site = callSite(this.verifyOrThrow);
    const given = { serviceId, userId, token };
    return this.#said(site, 'auth.verify_or_error', given, options);
  }

  /**
   * @param {import('./failure.cjs').CallSite} site
   * @param {string} operation
   * @param {{ serviceId: string, userId: string, token: string }} given
   * @param {VerifyOptions} [options]
   */
  async #said(site, operation, given, options) {
    const { verification } = await this.#client.call(site, operation, given, options);
    return new Verification(/** @type {VerificationFields} */ (verification));
  }
}

module.exports = { Auth };
