// Services: create, get, delete.
'use strict';

const { callSite } = require('./failure.cjs');
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
    const site = callSite(this.create);
    return this.#made(await this.#client.call(site, 'services.create', { domain, name }, options));
  }

  /**
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async get(id, options) {
    const site = callSite(this.get);
    return this.#made(await this.#client.call(site, 'services.get', { id }, options));
  }

  /**
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async delete(id, options) {
    const site = callSite(this.delete);
    await this.#client.call(site, 'services.delete', { id }, options);
  }

  /** @param {{ service?: ServiceFields }} finished */
  #made({ service }) {
    return new Service(/** @type {ServiceFields} */ (service), this.#resources);
  }
}

module.exports = { Services };
