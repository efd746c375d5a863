// One listener on a caller's AbortSignal, however many calls it is for: Node warns of a leak at the
// eleventh, and the signal and its onabort are the caller's.
'use strict';

/** @type {WeakMap<AbortSignal, Set<() => void>>} */
const watched = new WeakMap();

/**
 * Does something once when a signal aborts.
 *
 * @param {AbortSignal} signal not aborted yet
 * @param {() => void} act must not throw
 * @returns {() => void} what ends the watch
 */
function onAbort(signal, act) {
  const acts = watched.get(signal) ?? watch(signal);
  acts.add(act);
  return () => {
    if (acts.delete(act) && acts.size === 0) {
      signal.removeEventListener('abort', aborted);
      watched.delete(signal);
    }
  };
}

/** @param {AbortSignal} signal */
function watch(signal) {
  const acts = new Set();
  watched.set(signal, acts);
  signal.addEventListener('abort', aborted);
  return acts;
}

/** @this {AbortSignal} */
function aborted() {
  for (const act of [...(watched.get(this) ?? [])]) {
    act();
  }
}

module.exports = { onAbort };
