// The users of a service: create, get, list, delete.
'use strict';

const { callSite } = require('./failure.cjs');
const { User } = require('./models.cjs');

/**
 * @typedef {import('./index.cjs').CallOptions} CallOptions
 * @typedef {import('../native/index.js').UserFields} UserFields
 */

class Users {
  #client;
  #resources;

  /**
   * @param {InstanceType<typeof import('./client.cjs').Client>} client
   * @param {InstanceType<typeof import('./resources.cjs').Resources>} resources
   */
  constructor(client, resources) {
    this.#client = client;
    this.#resources = resources;
  }

  /**
   * @param {string} serviceId
   * @param {string} number
   * @param {string} username
   * @param {CallOptions} [options]
   */
  async create(serviceId, number, username, options) {
    const site = callSite(this.create);
    const given = { serviceId, number, username };
    const { user } = await this.#client.call(site, 'users.create', given, options);
    return this.#made(user, serviceId);
  }

  /**
   * @param {string} serviceId
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async get(serviceId, id, options) {
    const site = callSite(this.get);
    const { user } = await this.#client.call(site, 'users.get', { serviceId, id }, options);
    return this.#made(user, serviceId);
  }

  /**
   * @param {string} serviceId
   * @param {CallOptions} [options]
   */
  async getAll(serviceId, options) {
    const site = callSite(this.getAll);
    const { users } = await this.#client.call(site, 'users.get_all', { serviceId }, options);
    return /** @type {UserFields[]} */ (users).map((user) => this.#made(user, serviceId));
  }

  /**
   * @param {string} serviceId
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async delete(serviceId, id, options) {
    const site = callSite(this.delete);
    await this.#client.call(site, 'users.delete', { serviceId, id }, options);
  }

  /**
   * @param {UserFields | undefined} user
   * @param {string} serviceId
   */
  #made(user, serviceId) {
    return new User(/** @type {UserFields} */ (user), this.#resources, serviceId);
  }
}

module.exports = { Users };
