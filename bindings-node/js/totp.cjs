// Authenticator apps: enrol, confirm, remove.
'use strict';

const { callSite } = require('./failure.cjs');
const { Enrolment } = require('./models.cjs');

/**
 * @typedef {import('./index.cjs').CallOptions} CallOptions
 * @typedef {import('../native/index.js').EnrolmentFields} EnrolmentFields
 */

class Totp {
  #client;

  /** @param {InstanceType<typeof import('./client.cjs').Client>} client */
  constructor(client) {
    this.#client = client;
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {CallOptions} [options]
   */
  async enrol(serviceId, userId, options) {
    const site = callSite(this.enrol);
    const given = { serviceId, userId };
    const { enrolment } = await this.#client.call(site, 'totp.enrol', given, options);
    return new Enrolment(/** @type {EnrolmentFields} */ (enrolment));
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {string} token
   * @param {CallOptions} [options]
   */
  async confirm(serviceId, userId, token, options) {
    const site = callSite(this.confirm);
    const given = { serviceId, userId, token };
    const { confirmed } = await this.#client.call(site, 'totp.confirm', given, options);
    return /** @type {boolean} */ (confirmed);
  }

  /**
   * @param {string} serviceId
   * @param {string} userId
   * @param {CallOptions} [options]
   */
  async remove(serviceId, userId, options) {
    const site = callSite(this.remove);
    await this.#client.call(site, 'totp.remove', { serviceId, userId }, options);
  }
}

module.exports = { Totp };
