// Node's own `fetch`, which keeps connections by itself.
import { serve } from './serving.mjs';
import { ENDPOINT, HEADERS, PATH, TIMEOUT, TOKEN } from './target.mjs';

const url = ENDPOINT + PATH;
const headers = { ...HEADERS, 'Content-Type': 'application/json' };

await serve(async () => {
  const answer = await fetch(url, {
    method: 'PUT',
    headers,
    body: JSON.stringify({ token: TOKEN }),
    signal: AbortSignal.timeout(TIMEOUT),
  });
  const said = await answer.json();
  return answer.ok && said.verified === true;
});
