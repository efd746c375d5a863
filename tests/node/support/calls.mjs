// Every way to call, by the names of the contract vectors, with arguments by their names there.

/** @type {Record<string, (api: any, a: any, o?: object) => Promise<any>>} */
export const CALLS = {
  'services.create': (api, a, o) => api.services.create(a.domain, a.name, o),
  'services.get': (api, a, o) => api.services.get(a.id, o),
  'services.delete': (api, a, o) => api.services.delete(a.id, o),
  'users.create': (api, a, o) => api.users.create(a.service_id, a.number, a.username, o),
  'users.get': (api, a, o) => api.users.get(a.service_id, a.id, o),
  'users.get_all': (api, a, o) => api.users.getAll(a.service_id, o),
  'users.delete': (api, a, o) => api.users.delete(a.service_id, a.id, o),
  'auth.initiate': (api, a, o) => api.auth.initiate(a.service_id, a.user_id, a.method, o),
  'auth.verify': (api, a, o) => api.auth.verify(a.service_id, a.user_id, a.token, o),
  'auth.verify_detailed': (api, a, o) =>
    api.auth.verifyDetailed(a.service_id, a.user_id, a.token, o),
  'auth.verify_or_raise': (api, a, o) =>
    api.auth.verifyOrThrow(a.service_id, a.user_id, a.token, o),
  'totp.enrol': (api, a, o) => api.totp.enrol(a.service_id, a.user_id, o),
  'totp.confirm': (api, a, o) => api.totp.confirm(a.service_id, a.user_id, a.token, o),
  'totp.remove': (api, a, o) => api.totp.remove(a.service_id, a.user_id, o),
};

/** The operations on the wire: two of the calls are other ways to verify. */
export const OPERATIONS = Object.keys(CALLS).filter((name) => !name.startsWith('auth.verify_'));

/** Something for every argument. */
export const GIVEN = {
  id: 'an-id',
  service_id: 'a-service',
  user_id: 'a-user',
  domain: 'example.com',
  name: 'Example',
  number: '+37255555555',
  username: 'john.doe@example.com',
  method: 'sms',
  token: '123456',
};
