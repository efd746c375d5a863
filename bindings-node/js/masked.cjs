// How much of a name may be shown.
'use strict';

const { inspect } = require('node:util');

/**
 * The first two characters: enough to tell accounts apart.
 *
 * @param {string} username
 */
function maskedUsername(username) {
  return `${[...username].slice(0, 2).join('')}•••`;
}

/**
 * The first four characters and the last two.
 *
 * @param {string} number
 */
function maskedNumber(number) {
  return `${number.slice(0, 4)}•••••${number.slice(-2)}`;
}

/**
 * For `util.inspect`: a class with the fields that may be seen.
 *
 * @param {string} name
 * @param {object} fields
 * @param {number} depth
 * @param {import('node:util').InspectOptions & { stylize: (text: string, style: 'special') => string }} options
 */
function shown(name, fields, depth, options) {
  return depth < 0
    ? options.stylize(`[${name}]`, 'special')
    : `${name} ${inspect(fields, options)}`;
}

module.exports = { maskedNumber, maskedUsername, shown };
