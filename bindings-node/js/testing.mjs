// The package `verigator/testing` for import: the same class as for require.
import testing from './testing.cjs';

export const { Message, Sandbox } = testing;
