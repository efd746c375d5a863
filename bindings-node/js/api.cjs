// The two ways in: Api with its resources, and Verigator, the object style of the documents. Both
// are one client and the same services and users.
'use strict';

const { inspect } = require('node:util');
const { Client } = require('./client.cjs');
const { shown } = require('./masked.cjs');
const { owns } = require('./owners.cjs');
const { Resources } = require('./resources.cjs');

/** @typedef {import('./index.cjs').CallOptions} CallOptions */

// Early versions of Node 20 have no such symbol; those who bring their own use this one.
/** @type {typeof Symbol.asyncDispose} */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

class Api {
  #client;

  /**
   * @param {string | null} [username]
   * @param {string | null} [password]
   * @param {string | URL | null} [endpoint]
   * @param {import('./index.cjs').ApiOptions} [options]
   */
  constructor(username, password, endpoint, options) {
    this.#client = new Client(username, password, endpoint, options);
    const resources = new Resources(this.#client);
    this.services = resources.services;
    this.users = resources.users;
    this.auth = resources.auth;
    this.totp = resources.totp;
    owns(this, resources);
  }

  async close() {
    this.#client.close();
  }

  async [asyncDispose]() {
    await this.close();
  }

  /**
   * @param {number} depth
   * @param {Parameters<typeof shown>[3]} options
   */
  [inspect.custom](depth, options) {
    return shown('Api', this.#client.shown, depth, options);
  }
}

class Verigator {
  #client;
  #resources;

  /**
   * @param {string | null} [username]
   * @param {string | null} [password]
   * @param {string | URL | null} [endpoint]
   * @param {import('./index.cjs').ApiOptions} [options]
   */
  constructor(username, password, endpoint, options) {
    this.#client = new Client(username, password, endpoint, options);
    this.#resources = new Resources(this.#client);
    owns(this, this.#resources);
  }

  /**
   * @param {string} name
   * @param {string} fqdn
   * @param {CallOptions} [options]
   */
  async createService(name, fqdn, options) {
    return this.#resources.services.create(fqdn, name, options);
  }

  /**
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async getService(id, options) {
    return this.#resources.services.get(id, options);
  }

  async close() {
    this.#client.close();
  }

  async [asyncDispose]() {
    await this.close();
  }

  /**
   * @param {number} depth
   * @param {Parameters<typeof shown>[3]} options
   */
  [inspect.custom](depth, options) {
    return shown('Verigator', this.#client.shown, depth, options);
  }
}

module.exports = { Api, Verigator };
