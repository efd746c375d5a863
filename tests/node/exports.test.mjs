// What the package exports: the same from import and require, and what its declarations say.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { it } from 'node:test';

import * as imported from 'verigator';
import packageJson from 'verigator/package.json' with { type: 'json' };
import * as importedTesting from 'verigator/testing';

const require = createRequire(import.meta.url);

const js = new URL('../../bindings-node/js/', import.meta.url);

for (const [name, ours, theirs, declared] of [
  ['verigator', imported, require('verigator'), 'index.d.cts'],
  ['verigator/testing', importedTesting, require('verigator/testing'), 'testing.d.cts'],
]) {
  it(`${name} has one identity`, () => {
    assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort());
    for (const key of Object.keys(theirs)) {
      assert.equal(ours[key], theirs[key], key);
    }
  });

  it(`${name} exports what it declares`, () => {
    const text = readFileSync(new URL(declared, js), 'utf8');
    const classes = [...text.matchAll(/^export class (\w+)/gm)].map(([, name]) => name);
    assert.deepEqual(Object.keys(theirs).sort(), classes.sort());
  });
}

it('an error of one is an error of the other', async () => {
  const { VerigatorError, InvalidArgumentError } = require('verigator');
  const api = new imported.Api('user', 'pass', 'http://127.0.0.1:1');
  await assert.rejects(api.services.get(''), (error) => {
    assert.ok(error instanceof VerigatorError && error instanceof imported.VerigatorError);
    assert.equal(error.constructor, InvalidArgumentError);
    return true;
  });
});

it('every public method is declared, and every declared one is there', () => {
  const text = readFileSync(new URL('index.d.cts', js), 'utf8');
  const bodies = Object.fromEntries(
    [...text.matchAll(/^export (?:class|interface) (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)].map(
      ([, name, body]) => [name, body],
    ),
  );
  const api = new imported.Api('user', 'pass', 'http://127.0.0.1:1');
  const kinds = {
    Api: imported.Api.prototype,
    Verigator: imported.Verigator.prototype,
    Service: imported.Service.prototype,
    User: imported.User.prototype,
    Verification: imported.Verification.prototype,
    Services: Object.getPrototypeOf(api.services),
    Users: Object.getPrototypeOf(api.users),
    Auth: Object.getPrototypeOf(api.auth),
    Totp: Object.getPrototypeOf(api.totp),
  };
  for (const [name, prototype] of Object.entries(kinds)) {
    const declared = [...bodies[name].matchAll(/^  (?:get )?(\w+)\(/gm)]
      .map(([, method]) => method)
      .filter((method) => method !== 'constructor');
    const own = Object.getOwnPropertyNames(prototype).filter((key) => key !== 'constructor');
    assert.deepEqual([...new Set(declared)].sort(), own.sort(), name);
  }
});

it('the package says its version once', () => {
  const cargo = readFileSync(new URL('../../Cargo.toml', import.meta.url), 'utf8');
  const [, version] = /^version = "(.+)"$/m.exec(cargo);
  assert.equal(packageJson.version, version);
});
