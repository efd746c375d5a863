// axios with an agent that keeps connections.
import { Agent } from 'node:http';
import axios from 'axios';
import { serve } from './serving.mjs';
import { ENDPOINT, HEADERS, PATH, TIMEOUT, TOKEN } from './target.mjs';

const client = axios.create({
  baseURL: ENDPOINT,
  headers: HEADERS,
  timeout: TIMEOUT,
  httpAgent: new Agent({ keepAlive: true }),
});

await serve(async () => {
  const { data } = await client.put(PATH, { token: TOKEN });
  return data.verified === true;
});
