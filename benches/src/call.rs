//! The measured call, the same for every client: a PIN is checked, and it is right.

/// What stands in the header `X-Service-Auth`.
pub const CREDENTIALS: &str = "bench:secret";
/// Where the call goes.
pub const PATH: &str = "/v1/service/service/81213bfd-b690-499e-b9d2-8754cb1550e8\
                        /users/a94d3cb9-8c1b-4b9b-9d24-3a7e6d4c1f52/auth";
/// The PIN that is sent.
pub const TOKEN: &str = "123456";
/// What is answered.
pub const ANSWER: &str = r#"{"method":"sms","verified":true}"#;
