// Twilio's client, from its import to the first answer: a check of a PIN by its Verify service. It
// knows no other host than Twilio's, so that the request is sent elsewhere at the last moment; the
// peer's authority is in NODE_EXTRA_CA_CERTS.
import { tell } from './first-call.mjs';
import { ENDPOINT, TOKEN } from './target.mjs';

const began = performance.now();
const { default: twilio } = await import('twilio');
const imported = performance.now();

const httpClient = new twilio.RequestClient();
const request = httpClient.request.bind(httpClient);
httpClient.request = (options) =>
  request({ ...options, uri: options.uri.replace('https://verify.twilio.com', ENDPOINT) });
const client = twilio(`AC${'0'.repeat(32)}`, 'secret', { httpClient });
const service = client.verify.v2.services(`VA${'0'.repeat(32)}`);
const check = await service.verificationChecks.create({ to: '+3725555555', code: TOKEN });
tell(began, imported, check.status === 'approved');
