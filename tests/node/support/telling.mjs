// A program that meets every failure with every call, and prints all that can be seen of each: what
// it prints is then searched. What it knows and where it goes come in its environment.
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';

import { Api, InvalidArgumentError, VerigatorError } from 'verigator';

import { CALLS, GIVEN } from './calls.mjs';

const { url, silentUrl, failures, username, password, given } = JSON.parse(process.env.TELLING);

const deep = { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null };

const logger = { debug: (...words) => console.log('LOG', ...words) };

/** Prints everything about a value, in every way that there is. */
function tell(value) {
  console.log(value);
  console.error(value);
  console.log(inspect(value, deep), format('%s %o %O %j', value, value, value, value));
  console.log(String(value), JSON.stringify(value));
}

function tellError(error) {
  if (!(error instanceof VerigatorError)) throw error;
  tell(error);
  console.log(serialize(error).toString('latin1'));
  for (let its = error; its instanceof Error; its = its.cause) {
    console.log(its.stack, its.toString());
    for (const key of Reflect.ownKeys(its)) console.log(key, inspect(its[key], deep));
  }
}

async function meet(failure, operation, call, api, own) {
  const [{ reason, value }] = await Promise.allSettled([call(api, { ...GIVEN, ...given }, own)]);
  if (reason) tellError(reason);
  else tell(value);
  console.log('MET', failure, operation, reason ? reason.constructor.name : 'success');
}

/** Makes every call with a client, or with a new one for each. */
async function meetAll(failure, client, own = () => ({})) {
  await Promise.all(
    Object.entries(CALLS).map(async ([operation, call]) => {
      const api = client();
      tell(api);
      await meet(failure, operation, call, api, own());
      await api.close();
    }),
  );
}

const api = (endpoint, options) =>
  new Api(username, password, endpoint, { logger, maxRetries: 0, ...options });

const other = new URL(url);
const proxy = `http://${encodeURIComponent(username)}:${encodeURIComponent(password)}@127.0.0.1:1`;

await Promise.all([
  ...failures.map((failure) => meetAll(failure, () => api(`${url}/${failure}`))),
  meetAll('repeated', () => api(`${url}/500`, { maxRetries: 1, idempotency: 'on' })),
  meetAll('silence', () => api(silentUrl, { timeout: 300 })),
  meetAll('deadline', () => api(silentUrl, { deadline: 300, maxRetries: 2 })),
  meetAll('nobody', () => api('http://127.0.0.1:1')),
  meetAll('no-name', () => api('https://verigator.invalid', { deadline: 10_000 })),
  meetAll('no-tls', () => api(`https://${other.host}`)),
  meetAll('no-proxy', () => api('https://verigator.example.com', { proxy })),
  meetAll('bad-proxy', () => {
    const through = proxy.replace('127.0.0.1:1', other.host);
    return api('https://verigator.example.com', { proxy: through });
  }),
  meetAll(
    'aborted',
    () => api(silentUrl),
    () => ({ signal: AbortSignal.timeout(200) }),
  ),
  meetAll(
    'aborted-before',
    () => api(silentUrl),
    () => ({ signal: AbortSignal.abort() }),
  ),
  meetAll('closed', () => {
    const closed = api(url);
    void closed.close();
    return closed;
  }),
  meetAll(
    'bad-option',
    () => api(url),
    () => ({ timeout: given.token }),
  ),
]);

// Each secret in the place of each argument, as something that is no text. A closed client sends
// nothing of what it takes.
const closed = api(url);
await closed.close();
for (const secret of [password, given.token, given.number]) {
  for (const wrong of [Number(secret), [secret], { secret }, Buffer.from(secret)]) {
    for (const [operation, call] of Object.entries(CALLS)) {
      for (const name of Object.keys(GIVEN)) {
        const made = call(closed, { ...GIVEN, [name]: wrong });
        const [{ reason }] = await Promise.allSettled([made]);
        if (reason instanceof InvalidArgumentError) {
          tellError(reason);
          console.log('MET', 'bad-argument', operation, reason.constructor.name);
        }
      }
    }
  }
}
