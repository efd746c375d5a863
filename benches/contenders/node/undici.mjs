// undici's `request`, with a pool that holds a connection for every call in flight.
import { Pool } from 'undici';
import { serve } from './serving.mjs';
import { ENDPOINT, HEADERS, MOST_AT_ONCE, PATH, TIMEOUT, TOKEN } from './target.mjs';

const pool = new Pool(ENDPOINT, {
  connections: MOST_AT_ONCE,
  headersTimeout: TIMEOUT,
  bodyTimeout: TIMEOUT,
});
const headers = { ...HEADERS, 'Content-Type': 'application/json' };

await serve(async () => {
  const answer = await pool.request({
    method: 'PUT',
    path: PATH,
    headers,
    body: JSON.stringify({ token: TOKEN }),
  });
  const said = await answer.body.json();
  return answer.statusCode === 200 && said.verified === true;
});
