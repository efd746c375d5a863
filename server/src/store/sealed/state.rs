//! The columns of a user's authentication.

use uuid::Uuid;

use super::{SealedError, micros, moment, open_secret};
use crate::engine::{
    authentication::{AuthState, Authentication, Authenticator, Challenge},
    keys::Keys,
    pin::PinMac,
};

/// All of them but the authenticator's secret, which is sealed and seldom written.
#[derive(PartialEq, Eq)]
pub(crate) struct StateRow {
    /// None when nothing runs; the next four are set with it.
    pub(crate) auth_id: Option<Uuid>,
    /// None when an authenticator is asked for.
    pub(crate) pin_mac: Option<[u8; 32]>,
    pub(crate) started_at: Option<i64>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) tries_left: Option<u32>,
    pub(crate) last_pin_at: Option<i64>,
    pub(crate) wrong_in_a_row: u32,
    pub(crate) totp_confirmed: bool,
    pub(crate) totp_last_step: Option<i64>,
}

impl StateRow {
    pub(crate) fn of(state: &AuthState) -> Self {
        let running = state.running.as_ref();
        let authenticator = state.authenticator.as_ref();
        Self {
            auth_id: running.map(|it| it.id),
            pin_mac: running.and_then(|it| match &it.challenge {
                Challenge::Sms(mac) => Some(*mac.as_bytes()),
                Challenge::Totp => None,
            }),
            started_at: running.map(|it| micros(it.started_at)),
            expires_at: running.map(|it| micros(it.expires_at)),
            tries_left: running.map(|it| it.tries_left),
            last_pin_at: state.last_pin_at.map(micros),
            wrong_in_a_row: state.wrong_in_a_row,
            totp_confirmed: authenticator.is_some_and(|it| it.confirmed),
            totp_last_step: authenticator.and_then(|it| it.last_step),
        }
    }

    /// The authentication of `user`, whose authenticator's secret is `secret`.
    pub(crate) fn read(
        self,
        keys: &Keys,
        user: Uuid,
        secret: Option<&[u8]>,
    ) -> Result<AuthState, SealedError> {
        const WRONG: SealedError = SealedError::Value("an authentication");
        let running = match self.auth_id {
            None => None,
            Some(id) => Some(Authentication {
                id,
                challenge: self.pin_mac.map_or(Challenge::Totp, |mac| {
                    Challenge::Sms(PinMac::from_bytes(mac))
                }),
                started_at: moment(self.started_at.ok_or(WRONG)?)?,
                expires_at: moment(self.expires_at.ok_or(WRONG)?)?,
                tries_left: self.tries_left.ok_or(WRONG)?,
            }),
        };
        let authenticator = match secret {
            None => None,
            Some(sealed) => Some(Authenticator {
                secret: open_secret(keys, user, sealed)?,
                confirmed: self.totp_confirmed,
                last_step: self.totp_last_step,
            }),
        };
        Ok(AuthState {
            running,
            last_pin_at: self.last_pin_at.map(moment).transpose()?,
            wrong_in_a_row: self.wrong_in_a_row,
            authenticator,
        })
    }
}
