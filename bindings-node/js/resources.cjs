// The four resources of one client, which know each other through the models they return.
'use strict';

const { Auth } = require('./auth.cjs');
const { Services } = require('./services.cjs');
const { Totp } = require('./totp.cjs');
const { Users } = require('./users.cjs');

class Resources {
  /** @param {InstanceType<typeof import('./client.cjs').Client>} client */
  constructor(client) {
    this.services = new Services(client, this);
    this.users = new Users(client, this);
    this.auth = new Auth(client);
    this.totp = new Totp(client);
  }
}

module.exports = { Resources };
