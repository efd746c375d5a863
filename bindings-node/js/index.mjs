// The package `verigator` for import: the same classes as for require.
import verigator from './index.cjs';

export const {
  Api,
  Verigator,
  Service,
  User,
  Verification,
  Enrolment,
  VerigatorError,
  InvalidDataError,
  WrongCredentialsError,
  ResourceForbiddenError,
  NoSuchResourceError,
  ResourceAlreadyExistsError,
  RateLimitError,
  InternalError,
  InvalidResponseError,
  TransportError,
  VerigatorConnectionError,
  VerigatorTimeoutError,
  NotVerifiedError,
  InvalidArgumentError,
  ConfigurationError,
  ClientClosedError,
  RequestAbortedError,
} = verigator;
