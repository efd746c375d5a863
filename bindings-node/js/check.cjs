// What an option or an argument may be. Knows no option by name, and never repeats a value: it may
// be a secret.
//
// Values are known by what they have: under test runners, and in other realms, their classes differ.
'use strict';

const { isUint8Array } = require('node:util/types');

const LONGEST_MS = 365 * 24 * 60 * 60 * 1000;

/**
 * A check returns the value as it is passed on, or throws the text of what it must be.
 *
 * @template T
 * @typedef {(value: unknown) => T} Check
 */

class Refused extends Error {}

/** @type {Check<string>} */
function text(value) {
  if (typeof value !== 'string') {
    throw new Refused('must be a string');
  }
  return value;
}

/** @type {Check<string>} */
function address(value) {
  const said = has(value, 'href') ? value.href : value;
  if (typeof said !== 'string') {
    throw new Refused('must be a string or a URL');
  }
  return said;
}

/** @type {Check<number>} */
function duration(value) {
  if (typeof value !== 'number' || !(value > 0 && value <= LONGEST_MS)) {
    throw new Refused('must be a number of milliseconds above 0, at most a year');
  }
  return value;
}

/** @type {Check<number>} */
function durationOrZero(value) {
  return value === 0 ? 0 : duration(value);
}

/** @type {Check<number>} */
function count(value) {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new Refused('must be a whole number, 0 or more');
  }
  return value;
}

/** @type {Check<number>} */
function countFromOne(value) {
  if (value === 0) {
    throw new Refused('must be a whole number, 1 or more');
  }
  return count(value);
}

/** @type {Check<boolean>} */
function flag(value) {
  if (typeof value !== 'boolean') {
    throw new Refused('must be true or false');
  }
  return value;
}

/** @type {Check<string | Buffer>} */
function certificates(value) {
  if (isUint8Array(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  if (typeof value !== 'string') {
    throw new Refused('must be a path, or PEM as a string or Uint8Array');
  }
  return value.includes('-----BEGIN ') ? Buffer.from(value) : value;
}

/** @type {Check<AbortSignal>} */
function signal(value) {
  if (!has(value, 'aborted') || !has(value, 'addEventListener')) {
    throw new Refused('must be an AbortSignal');
  }
  return /** @type {AbortSignal} */ (/** @type {unknown} */ (value));
}

/** @type {Check<import('./index.cjs').Logger>} */
function logger(value) {
  if (!has(value, 'debug') || typeof value.debug !== 'function') {
    throw new Refused('must be an object with a method debug');
  }
  return /** @type {import('./index.cjs').Logger} */ (value);
}

/**
 * @template {string} Name
 * @param {unknown} value
 * @param {Name} name
 * @returns {value is Record<Name, unknown>}
 */
function has(value, name) {
  return typeof value === 'object' && value !== null && name in value;
}

/**
 * Checks a value that may be left out.
 *
 * @template T
 * @param {string} name
 * @param {unknown} value
 * @param {Check<T>} check
 * @param {new (message: string) => Error} Class what to throw
 * @returns {T | undefined}
 */
function optional(name, value, check, Class) {
  return value === undefined || value === null ? undefined : required(name, value, check, Class);
}

/**
 * @template T
 * @param {string} name
 * @param {unknown} value
 * @param {Check<T>} check
 * @param {new (message: string) => Error} Class what to throw
 * @returns {T}
 */
function required(name, value, check, Class) {
  try {
    return check(value);
  } catch (error) {
    throw error instanceof Refused ? new Class(`${name} ${error.message}`) : error;
  }
}

/**
 * Checks an object of options. One that nobody knows is refused, for it would not do what it says.
 *
 * @template {Record<string, Check<unknown>>} Checks
 * @param {unknown} options
 * @param {Checks} checks
 * @param {new (message: string) => Error} Class what to throw
 * @returns {{ [Name in keyof Checks]?: ReturnType<Checks[Name]> | undefined }}
 */
function object(options, checks, Class) {
  if (options === undefined || options === null) {
    return {};
  }
  if (typeof options !== 'object') {
    throw new Class('options must be an object');
  }
  /** @type {Record<string, unknown>} */
  const checked = {};
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) {
      throw new Class(
        `there is no option ${name} here (there are: ${Object.keys(checks).join(', ')})`,
      );
    }
    checked[name] = optional(name, value, check, Class);
  }
  return /** @type {{ [Name in keyof Checks]?: ReturnType<Checks[Name]> }} */ (checked);
}

module.exports = {
  address,
  certificates,
  count,
  countFromOne,
  duration,
  durationOrZero,
  flag,
  logger,
  object,
  optional,
  required,
  signal,
  text,
};
