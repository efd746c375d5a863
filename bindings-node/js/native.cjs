// The native part, or one clear error in its place. Knows nothing of what it does.
'use strict';

const { platform, arch } = process;

/** @returns {typeof import('../native/index.js')} */
function load() {
  try {
    return require('../native/index.js');
  } catch (cause) {
    throw missing(cause);
  }
}

/**
 * What `index.d.cts` declares as `NativeMissingError`.
 *
 * @param {unknown} cause
 */
function missing(cause) {
  const libc = libcOfThis();
  const name = [platform, arch, ...(libc ? [libc] : [])].join('-');
  const why = cause instanceof Error ? cause.message : String(cause);
  const error = new Error(
    `verigator has no native part for ${name} that can be loaded. Remove node_modules and install ` +
      'again on this machine, with optional dependencies, which bring it (in a checkout: npm run ' +
      `build). The reason given: ${why}`,
    { cause },
  );
  error.name = 'NativeMissingError';
  return Object.assign(error, { code: 'ERR_VERIGATOR_NATIVE_MISSING', platform, arch, libc });
}

/** The C library, where there is more than one and the runtime tells. */
function libcOfThis() {
  // Not every runtime that takes Node's extensions makes reports.
  if (platform !== 'linux' || typeof process.report?.getReport !== 'function') {
    return undefined;
  }
  // It names the version of glibc, if that is the one.
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
    process.report.getReport()
  );
  return header.glibcVersionRuntime ? 'glibc' : 'musl';
}

module.exports = load();
