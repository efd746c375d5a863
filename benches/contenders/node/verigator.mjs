// This project's client.
import { Api } from 'verigator';
import { serve } from './serving.mjs';
import { ENDPOINT, PASSWORD, SERVICE, TOKEN, USER, USERNAME } from './target.mjs';

const api = new Api(USERNAME, PASSWORD, ENDPOINT);

await serve(() => api.auth.verify(SERVICE, USER, TOKEN));
