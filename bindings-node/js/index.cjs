// The package `verigator`: everything that it exports. The declarations are in index.d.cts.
'use strict';

const { Api, Verigator } = require('./api.cjs');
const { codeOf, ...errors } = require('./errors.cjs');
const { Enrolment, Service, User, Verification } = require('./models.cjs');

/** @type {typeof import('./index.cjs')} */
module.exports = { Api, Verigator, Service, User, Verification, Enrolment, ...errors };
