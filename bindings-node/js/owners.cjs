// Which resources belong to an Api or a Verigator, for a service that is asked for by either.
'use strict';

const { InvalidArgumentError } = require('./errors.cjs');

/** @typedef {InstanceType<typeof import('./resources.cjs').Resources>} Resources */

/** @type {WeakMap<object, Resources>} */
const owners = new WeakMap();

/**
 * @param {object} owner
 * @param {Resources} resources
 */
function owns(owner, resources) {
  owners.set(owner, resources);
}

/** @param {unknown} owner */
function resourcesOf(owner) {
  const resources = typeof owner === 'object' && owner !== null ? owners.get(owner) : undefined;
  if (!resources) {
    throw new InvalidArgumentError('verigator must be a Verigator or an Api', {
      operation: 'services.get',
    });
  }
  return resources;
}

module.exports = { owns, resourcesOf };
