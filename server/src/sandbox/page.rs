//! `GET /`: the messages that went out, for people, live. It is one document with everything in it,
//! and its policy lets it run and load nothing else.

use std::sync::{Arc, LazyLock};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use data_encoding::BASE64;
use futures_util::{Stream, StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::outbox::Outbox;

/// How many of the latest messages a page begins with. It keeps no more, either.
const SHOWN: usize = 1_000;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

static PAGE: LazyLock<Page> = LazyLock::new(Page::new);

struct Page {
    html: Bytes,
    policy: String,
}

impl Page {
    /// The parts are files of their own for those who edit and check them.
    fn new() -> Self {
        let html = include_str!("page/page.html")
            .replace(
                "<link rel=\"stylesheet\" href=\"page.css\">",
                &format!("<style>{STYLE}</style>"),
            )
            .replace(
                "<script src=\"page.js\"></script>",
                &format!("<script>{SCRIPT}</script>"),
            );
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            hash(SCRIPT),
            hash(STYLE),
        );
        Self {
            html: html.into(),
            policy,
        }
    }
}

/// How a policy names a text that may be in the page.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)))
}

pub(super) async fn page() -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, &PAGE.policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let mut response = PAGE.html.clone().into_response();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// `GET /sandbox/messages/stream`: what the page shows, as server-sent events: first `all`, then
/// `new` for each that goes out. Both have a list as `/sandbox/messages` does. Ends when the sandbox
/// stops, which would wait for it.
pub(super) async fn messages(
    State((outbox, stopping)): State<(Arc<Outbox>, CancellationToken)>,
) -> impl IntoResponse {
    let events = events(outbox).take_until(stopping.cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::default())
}

fn events(outbox: Arc<Outbox>) -> impl Stream<Item = Result<Event, axum::Error>> {
    let all = outbox.all();
    let seen = all.len();
    let latest = all.get(seen.saturating_sub(SHOWN)..).unwrap_or_default();
    let first = Event::default().event("all").json_data(latest);
    let later = stream::unfold((outbox, seen), async |(outbox, seen)| {
        let new = outbox.after(seen).await;
        let event = Event::default().event("new").json_data(&new);
        Some((event, (outbox, seen + new.len())))
    });
    stream::once(async { first }).chain(later)
}
