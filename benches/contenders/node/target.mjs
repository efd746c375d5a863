// The measured call, the same for every client: a PIN is checked, and it is right.

/** Where the peer is. */
export const ENDPOINT = process.argv[2];

export const USERNAME = 'bench';
export const PASSWORD = 'secret';
export const SERVICE = '81213bfd-b690-499e-b9d2-8754cb1550e8';
export const USER = 'a94d3cb9-8c1b-4b9b-9d24-3a7e6d4c1f52';
export const TOKEN = '123456';

export const PATH = `/v1/service/service/${SERVICE}/users/${USER}/auth`;
export const HEADERS = { 'X-Service-Auth': `${USERNAME}:${PASSWORD}`, Accept: 'application/json' };

/** Milliseconds; what the client under test has by itself. */
export const TIMEOUT = 30_000;
/** The most calls in flight that any section asks for. */
export const MOST_AT_ONCE = 64;
