// The package `verigator`, declared for import: what index.d.cts declares.
export * from './index.cjs';
