// What a login by phone asks of Verigator, and what to tell the person of what came of it.
//
// Knows no pages and no sessions.

import { randomUUID } from 'node:crypto';

import {
  InvalidDataError,
  NoSuchResourceError,
  RateLimitError,
  ResourceAlreadyExistsError,
  VerigatorError,
} from 'verigator';

/**
 * What came of a step, for the page; done is whether the person goes on to the next one.
 *
 * @typedef {{done: boolean, message: string}} Step
 * @typedef {import('verigator').Api} Api
 */

// --8<-- [start:sign-up]
/**
 * Makes a user, whose id is to be kept with the account.
 *
 * @param {Api} api
 * @param {string} service
 * @param {string} number
 * @returns {Promise<{user: string} | {message: string}>}
 */
export async function signUp(api, service, number) {
  // A name that is new each time: if it isn't known what came of it, a second try harms nobody.
  const name = randomUUID();
  try {
    return { user: (await api.users.create(service, number, name)).id };
  } catch (error) {
    if (!(error instanceof VerigatorError)) throw error;
    if (error instanceof InvalidDataError) {
      return { message: "This is no phone number. Begin with + and your country's prefix." };
    }
    return { message: 'We could not sign you up. Please try again.' };
  }
}
// --8<-- [end:sign-up]

// --8<-- [start:send]
/**
 * Sends a PIN. Done also means: perhaps it was sent.
 *
 * @param {Api} api
 * @param {string} service
 * @param {string} user
 * @returns {Promise<Step>}
 */
export async function sendPin(api, service, user) {
  try {
    await api.auth.initiate(service, user, api.auth.METHOD_SMS);
    return { done: true, message: 'We have sent you a PIN.' };
  } catch (error) {
    if (!(error instanceof VerigatorError)) throw error;
    const seconds = Math.ceil((error.retryAfter ?? 30_000) / 1000);
    if (error instanceof ResourceAlreadyExistsError) {
      const message = `We have just sent you a PIN. Another one can be had in ${seconds} s.`;
      return { done: true, message };
    }
    if (error instanceof RateLimitError) {
      const minutes = Math.ceil(seconds / 60);
      const message = `Too many PINs were sent. Please come back in ${minutes} minutes.`;
      return { done: false, message };
    }
    if (mayHaveActed(error)) {
      return { done: true, message: 'If a PIN comes, type it here. If none does, ask for another.' };
    }
    return { done: false, message: 'No PIN was sent. Please try again.' };
  }
}
// --8<-- [end:send]

// --8<-- [start:check]
/**
 * Whether the PIN is right: then, and only then, the person is who they say.
 *
 * @param {Api} api
 * @param {string} service
 * @param {string} user
 * @param {string} pin
 * @returns {Promise<Step>}
 */
export async function checkPin(api, service, user, pin) {
  try {
    const verification = await api.auth.verifyDetailed(service, user, pin);
    if (verification.isVerified()) return { done: true, message: 'Welcome.' };
    if (verification.status?.invalid) return { done: false, message: 'This PIN is wrong.' };
    // Throttled or expired: not even the right one is taken now.
    return { done: false, message: 'This PIN is not valid any more. Please ask for a new one.' };
  } catch (error) {
    if (!(error instanceof VerigatorError)) throw error;
    if (error instanceof NoSuchResourceError) {
      return { done: false, message: 'Please ask for a new PIN.' };
    }
    if (error instanceof RateLimitError) {
      return { done: false, message: 'Too many wrong PINs. Please ask us for help.' };
    }
    if (mayHaveActed(error)) {
      // It may be spent, or it may have cost a try.
      const message = "We can't tell whether this PIN is right. Please ask for a new one.";
      return { done: false, message };
    }
    return { done: false, message: 'This PIN was not checked. Please send it again.' };
  }
}
// --8<-- [end:check]

/** @param {VerigatorError} error */
function mayHaveActed(error) {
  return error.outcome === 'unknown' || error.outcome === 'accepted';
}
