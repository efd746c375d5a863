// The native part, or one clear error in its place. Knows nothing of what it does.
'use strict';

/** @returns {typeof import('../native/index.js')} */
function load() {
  try {
    return require('../native/index.js');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const error = new Error(
      `verigator has no native part for ${process.platform}-${process.arch} that can be loaded. ` +
        'Remove node_modules and install again on this machine, with optional dependencies ' +
        `(in a checkout: npm run build). The reason given: ${why}`,
      { cause },
    );
    throw Object.assign(error, { code: 'ERR_VERIGATOR_NATIVE_MISSING' });
  }
}

module.exports = load();
