//! Which path is whose.

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};

use super::{
    admit::admit, answers::ApiError, auth, body::body, health, openapi, reports, services,
    stamp::stamp, totp, users,
};
use crate::app::App;

/// The whole API: [`routes`], [`stamped`].
pub fn router(app: &Arc<App>) -> Router {
    stamped(app, routes(app))
}

/// Every path, with an answer for those that are none.
pub fn routes(app: &Arc<App>) -> Router {
    let state = || Arc::clone(app);
    let api = api().route_layer(middleware::from_fn_with_state(state(), admit));
    let mut reports = Router::new();
    for (provider, read) in &app.reports {
        let report = reports::report(provider, Arc::clone(read))
            .route_layer(middleware::from_fn_with_state(state(), body));
        reports = reports.route(&format!("/delivery/{provider}"), report);
    }
    Router::new()
        .route(health::LIVE, get(health::live))
        .route(health::READY, get(health::ready))
        .route(health::METRICS, get(health::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .merge(api)
        .merge(reports)
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(state())
}

/// Sees to it that no request of `router` stops half-way, and puts on each answer what all carry.
pub fn stamped(app: &Arc<App>, router: Router) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::clone(app), stamp))
}

/// Everything that needs an account. The documents write `/v1/service/service/…`; one of their
/// examples has a single `service`, so the same is answered there.
fn api() -> Router<Arc<App>> {
    service("/v1/service/service/{sid}")
        .merge(service("/v1/service/{sid}"))
        .route("/v1/service/service", post(services::create))
}

fn service(base: &str) -> Router<Arc<App>> {
    Router::new()
        .route(base, get(services::get).delete(services::delete))
        .route(
            &format!("{base}/users"),
            get(users::get_all).post(users::create),
        )
        .route(
            &format!("{base}/users/{{uid}}"),
            get(users::get).delete(users::delete),
        )
        // The Java client's way to get a user.
        .route(&format!("{base}/user/{{uid}}"), get(users::get))
        .route(
            &format!("{base}/users/{{uid}}/auth"),
            post(auth::initiate).put(auth::verify),
        )
        .route(
            &format!("{base}/users/{{uid}}/totp"),
            post(totp::enrol).put(totp::confirm).delete(totp::remove),
        )
}
