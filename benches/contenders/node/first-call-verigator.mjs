// This project's client, from its import to the first answer. The peer's authority is in
// VERIGATOR_CA_BUNDLE.
import { tell } from './first-call.mjs';
import { ENDPOINT, PASSWORD, SERVICE, TOKEN, USER, USERNAME } from './target.mjs';

const began = performance.now();
const { Api } = await import('verigator');
const imported = performance.now();

const api = new Api(USERNAME, PASSWORD, ENDPOINT);
tell(began, imported, await api.auth.verify(SERVICE, USER, TOKEN));
