//! The login by phone in axum, against a sandbox.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use phone_login::app;
use tower::ServiceExt;
use verigator_server::sandbox::{DropPoint, Fault, Sandbox};

const NUMBER: &str = "+37255555555";

// --8<-- [start:fixture]
/// Somebody at the site, with cookies.
struct Browser {
    site: Router,
    cookies: BTreeMap<String, String>,
}

async fn setup() -> (Sandbox, Browser) {
    let sandbox = Sandbox::start().await.unwrap();
    // A fault is to be seen at once.
    let api = sandbox.api_builder().max_retries(0).build().unwrap();
    let service = api.services.create("example.com", "Example").await.unwrap();
    let browser = Browser {
        site: app(api, service.id, false),
        cookies: BTreeMap::new(),
    };
    (sandbox, browser)
}
// --8<-- [end:fixture]

impl Browser {
    async fn ask(&mut self, method: &str, path: &str, body: String) -> Response {
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::COOKIE, pairs.join("; "))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let answer = self.site.clone().oneshot(request).await.unwrap();
        for line in answer.headers().get_all(header::SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    async fn page(&mut self) -> String {
        let answer = self.ask("GET", "/", String::new()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// What the page has to say after a form was sent.
    async fn says(&mut self, path: &str, form: &[(&str, &str)]) -> String {
        let field = |(name, value): &(&str, &str)| {
            format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
        };
        let body = form.iter().map(field).collect::<Vec<_>>().join("&");
        let answer = self.ask("POST", path, body).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let page = self.page().await;
        let (_, rest) = page.split_once("<p role=\"status\">").unwrap();
        rest.split_once("</p>").unwrap().0.replace("&#39;", "'")
    }

    async fn signs_up(&mut self, name: &str) -> String {
        self.says("/signup", &[("name", name), ("number", NUMBER)])
            .await
    }

    async fn logs_in(&mut self) -> String {
        self.says("/login", &[("name", "jo")]).await
    }

    async fn types(&mut self, pin: &str) -> String {
        self.says("/pin", &[("pin", pin)]).await
    }

    async fn is_logged_in(&mut self) -> bool {
        self.page().await.contains("You are logged in as jo.")
    }
}

// --8<-- [start:login]
#[tokio::test]
async fn a_login() {
    let (sandbox, mut browser) = setup().await;
    assert_eq!(browser.signs_up("jo").await, "We have sent you a PIN.");
    assert!(!browser.is_logged_in().await);
    let pin = sandbox.last_pin(NUMBER).unwrap();
    assert_eq!(browser.types("not it").await, "This PIN is wrong.");
    assert!(!browser.is_logged_in().await);
    assert_eq!(browser.types(&pin).await, "Welcome.");
    assert!(browser.is_logged_in().await);
    assert_eq!(browser.says("/logout", &[]).await, "Goodbye.");
    assert!(!browser.is_logged_in().await);
}
// --8<-- [end:login]

// --8<-- [start:clock]
#[tokio::test]
async fn after_too_many_wrong_pins_only_a_new_one_helps() {
    let (sandbox, mut browser) = setup().await;
    browser.signs_up("jo").await;
    let pin = sandbox.last_pin(NUMBER).unwrap();
    for _ in 0..5 {
        browser.types("not it").await;
    }
    let too_late = "This PIN is not valid any more. Please ask for a new one.";
    assert_eq!(browser.types(&pin).await, too_late);

    let soon = browser.logs_in().await;
    assert!(soon.starts_with("We have just sent you a PIN."), "{soon}");
    sandbox.advance(Duration::from_secs(30));
    assert_eq!(browser.logs_in().await, "We have sent you a PIN.");
    let latest = sandbox.last_pin(NUMBER).unwrap();
    assert_eq!(browser.types(&latest).await, "Welcome.");
}
// --8<-- [end:clock]

#[tokio::test]
async fn a_pin_grows_old() {
    let (sandbox, mut browser) = setup().await;
    browser.signs_up("jo").await;
    let pin = sandbox.last_pin(NUMBER).unwrap();
    sandbox.advance(Duration::from_secs(601));
    let said = browser.types(&pin).await;
    assert!(
        said.starts_with("This PIN is not valid any more."),
        "{said}"
    );
}

#[tokio::test]
async fn who_may_not() {
    let (_sandbox, mut browser) = setup().await;
    assert_eq!(
        browser.logs_in().await,
        "Nobody has signed up by this name."
    );
    assert_eq!(browser.types("123456").await, "Please log in.");
    let form = [("name", "jo"), ("number", "none")];
    let said = browser.says("/signup", &form).await;
    assert!(said.starts_with("This is no phone number."), "{said}");
    browser.signs_up("jo").await;
    assert_eq!(browser.signs_up("jo").await, "This name is taken.");
}

// --8<-- [start:faults]
#[tokio::test]
async fn an_answer_is_lost() {
    let (sandbox, mut browser) = setup().await;
    let lost = |operation| Fault::drop(DropPoint::BeforeAnswer).on(operation);
    sandbox.fail_next(lost("auth.initiate")).unwrap();
    let perhaps = "If a PIN comes, type it here. If none does, ask for another.";
    assert_eq!(browser.signs_up("jo").await, perhaps);
    assert_eq!(sandbox.messages().len(), 1);

    let pin = sandbox.last_pin(NUMBER).unwrap();
    sandbox.fail_next(lost("auth.verify")).unwrap();
    let unknown = "We can't tell whether this PIN is right. Please ask for a new one.";
    assert_eq!(browser.types(&pin).await, unknown);
    assert!(!browser.is_logged_in().await);
    // It was right, and is spent.
    assert_eq!(browser.types(&pin).await, "Please ask for a new PIN.");
}

#[tokio::test]
async fn the_server_did_not_act() {
    let (sandbox, mut browser) = setup().await;
    browser.signs_up("jo").await;
    sandbox.fail_next(Fault::status(403).times(3)).unwrap();
    assert_eq!(
        browser.logs_in().await,
        "No PIN was sent. Please try again."
    );
    let unchecked = "This PIN was not checked. Please send it again.";
    assert_eq!(browser.types("123456").await, unchecked);
    let failed = "We could not sign you up. Please try again.";
    assert_eq!(browser.signs_up("someone").await, failed);
}
// --8<-- [end:faults]

#[tokio::test]
async fn names_are_shown_as_text() {
    let (_sandbox, mut browser) = setup().await;
    browser.signs_up("<b>jo</b>").await;
    let page = browser.page().await;
    assert!(page.contains("jo"));
    assert!(!page.contains("<b>"));
}
