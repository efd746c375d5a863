// axios, from its import to the first answer. The peer's authority is in NODE_EXTRA_CA_CERTS.
import { tell } from './first-call.mjs';
import { ENDPOINT, HEADERS, PATH, TIMEOUT, TOKEN } from './target.mjs';

const began = performance.now();
const { default: axios } = await import('axios');
const imported = performance.now();

const client = axios.create({ baseURL: ENDPOINT, headers: HEADERS, timeout: TIMEOUT });
const { data } = await client.put(PATH, { token: TOKEN });
tell(began, imported, data.verified === true);
