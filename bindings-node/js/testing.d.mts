// The package `verigator/testing`, declared for import: what testing.d.cts declares.
export * from './testing.cjs';
