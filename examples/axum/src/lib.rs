//! A site with a login by phone, as an axum app.

mod phone_login;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use askama::Template;
use axum::{
    Form, Router,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, cookie::SameSite};
use verigator::Api;

use crate::phone_login::{check_pin, send_pin, sign_up};

// --8<-- [start:app]
struct Site {
    api: Api,
    /// The id of the service whose users log in.
    service: String,
    /// In place of your database: names, and the users' ids at the server.
    users: Mutex<HashMap<String, String>>,
}

/// The site. Its session's cookie is `Secure` only if told so, as that needs TLS in front.
pub fn app(api: Api, service: String, behind_tls: bool) -> Router {
    let site = Site {
        api,
        service,
        users: Mutex::default(),
    };
    let sessions = SessionManagerLayer::new(MemoryStore::default())
        .with_same_site(SameSite::Lax)
        .with_secure(behind_tls);
    Router::new()
        .route("/", get(page))
        .route("/signup", post(signup))
        .route("/login", post(login))
        .route("/pin", post(pin))
        .route("/logout", post(logout))
        .layer(sessions)
        .with_state(Arc::new(site))
}
// --8<-- [end:app]

impl Site {
    fn user(&self, name: &str) -> Option<String> {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(name).cloned()
    }

    fn add(&self, name: String, user: String) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.insert(name, user);
    }
}

/// Where somebody is, in the session.
const NAME: &str = "name";
const ASKED: &str = "asked";
const MESSAGE: &str = "message";

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    message: Option<String>,
    name: Option<String>,
    asked: Option<String>,
}

async fn page(session: Session) -> Result<Html<String>, Failed> {
    let page = Page {
        message: session.remove(MESSAGE).await?,
        name: session.get(NAME).await?,
        asked: session.get(ASKED).await?,
    };
    Ok(Html(page.render()?))
}

#[derive(Deserialize)]
struct SignUp {
    name: String,
    number: String,
}

#[derive(Deserialize)]
struct LogIn {
    name: String,
}

#[derive(Deserialize)]
struct Pin {
    pin: String,
}

type Answer = Result<Redirect, Failed>;

// --8<-- [start:log-in]
async fn signup(
    State(site): State<Arc<Site>>,
    session: Session,
    Form(SignUp { name, number }): Form<SignUp>,
) -> Answer {
    if site.user(&name).is_some() {
        return back(&session, "This name is taken.").await;
    }
    match sign_up(&site.api, &site.service, &number).await {
        Ok(user) => site.add(name.clone(), user),
        Err(message) => return back(&session, &message).await,
    }
    login(State(site), session, Form(LogIn { name })).await
}

async fn login(
    State(site): State<Arc<Site>>,
    session: Session,
    Form(LogIn { name }): Form<LogIn>,
) -> Answer {
    let Some(user) = site.user(&name) else {
        return back(&session, "Nobody has signed up by this name.").await;
    };
    let step = send_pin(&site.api, &site.service, &user).await;
    if step.done {
        session.insert(ASKED, name).await?;
    }
    back(&session, &step.message).await
}

async fn pin(
    State(site): State<Arc<Site>>,
    session: Session,
    Form(Pin { pin }): Form<Pin>,
) -> Answer {
    let name: String = session.get(ASKED).await?.unwrap_or_default();
    let Some(user) = site.user(&name) else {
        return back(&session, "Please log in.").await;
    };
    let step = check_pin(&site.api, &site.service, &user, &pin).await;
    if step.done {
        // A new session: nothing of the old one goes on.
        session.flush().await?;
        session.insert(NAME, name).await?;
    }
    back(&session, &step.message).await
}
// --8<-- [end:log-in]

async fn logout(session: Session) -> Answer {
    session.flush().await?;
    back(&session, "Goodbye.").await
}

/// To the only page, with something to say there.
async fn back(session: &Session, message: &str) -> Answer {
    session.insert(MESSAGE, message).await?;
    Ok(Redirect::to("/"))
}

/// What no person can help.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Session(#[from] tower_sessions::session::Error),
    #[error(transparent)]
    Page(#[from] askama::Error),
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, "Please try again.").into_response()
    }
}
