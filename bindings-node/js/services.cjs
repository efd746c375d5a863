// Services: create, get, delete.
'use strict';

const { Service } = require('./models.cjs');

/**
 * @typedef {import('./index.cjs').CallOptions} CallOptions
 * @typedef {import('../native/index.js').ServiceFields} ServiceFields
 */

class Services {
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
   * @param {string} domain
   * @param {string} name
   * @param {CallOptions} [options]
   */
  async create(domain, name, options) {
    return this.#made(await this.#client.call('services.create', { domain, name }, options));
  }

  /**
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async get(id, options) {
    return this.#made(await this.#client.call('services.get', { id }, options));
  }

  /**
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async delete(id, options) {
    await this.#client.call('services.delete', { id }, options);
  }

  /** @param {{ service?: ServiceFields }} finished */
  #made({ service }) {
    return new Service(/** @type {ServiceFields} */ (service), this.#resources);
  }
}

module.exports = { Services };
