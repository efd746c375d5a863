//! Every operation as something that is prepared, done once through a client that may meet a fault,
//! and whose effect on the server is then counted.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;
use verigator::{Api, ApiBuilder, ErrorKind, Method, Result, blocking};
use verigator_server::{
    config::Rules,
    sandbox::{self, Sandbox},
};

/// What is done. Verifying is two deeds, since only a wrong guess uses up a try and only the right
/// one is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    ServicesCreate,
    ServicesGet,
    ServicesDelete,
    UsersCreate,
    UsersGet,
    UsersGetAll,
    UsersDelete,
    Initiate,
    VerifyWrong,
    VerifyRight,
    TotpEnrol,
    TotpConfirm,
    TotpRemove,
}

impl Deed {
    pub(crate) const ALL: [Self; 13] = [
        Self::ServicesCreate,
        Self::ServicesGet,
        Self::ServicesDelete,
        Self::UsersCreate,
        Self::UsersGet,
        Self::UsersGetAll,
        Self::UsersDelete,
        Self::Initiate,
        Self::VerifyWrong,
        Self::VerifyRight,
        Self::TotpEnrol,
        Self::TotpConfirm,
        Self::TotpRemove,
    ];

    /// Its name in faults and errors.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::ServicesCreate => "services.create",
            Self::ServicesGet => "services.get",
            Self::ServicesDelete => "services.delete",
            Self::UsersCreate => "users.create",
            Self::UsersGet => "users.get",
            Self::UsersGetAll => "users.get_all",
            Self::UsersDelete => "users.delete",
            Self::Initiate => "auth.initiate",
            Self::VerifyWrong | Self::VerifyRight => "auth.verify",
            Self::TotpEnrol => "totp.enrol",
            Self::TotpConfirm => "totp.confirm",
            Self::TotpRemove => "totp.remove",
        }
    }

    /// Whether doing it twice is the same as doing it once: the first column of the retry table.
    pub(crate) fn is_repeatable(self) -> bool {
        !matches!(
            self,
            Self::ServicesCreate
                | Self::UsersCreate
                | Self::Initiate
                | Self::VerifyWrong
                | Self::VerifyRight
                | Self::TotpEnrol
                | Self::TotpConfirm
        )
    }

    /// Whether doing it twice sends a second message or uses up a second try: the last column.
    pub(crate) fn authenticates(self) -> bool {
        matches!(
            self,
            Self::Initiate | Self::VerifyWrong | Self::VerifyRight | Self::TotpConfirm
        )
    }

    /// Whether it changes anything.
    pub(crate) fn acts(self) -> bool {
        !matches!(self, Self::ServicesGet | Self::UsersGet | Self::UsersGetAll)
    }
}

/// A deed with all it needs. Everything that is sent has the same length in each.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) deed: Deed,
    service: String,
    user: String,
    /// Of a service or a user that is to be made.
    name: String,
    number: String,
    token: String,
    /// The right PIN, where there is one.
    pin: String,
}

impl Task {
    /// One that no server knows.
    pub(crate) fn made_up(deed: Deed) -> Self {
        Self {
            deed,
            service: "s-1".to_owned(),
            user: "u-1".to_owned(),
            name: "name".to_owned(),
            number: "+37255555555".to_owned(),
            token: "123456".to_owned(),
            pin: String::new(),
        }
    }

    /// What a client must make of it when it succeeds; none for an enrolment, whose secret is new.
    pub(crate) fn success(&self) -> Option<Done> {
        Some(match self.deed {
            Deed::ServicesCreate | Deed::UsersCreate => Done::Named(self.name.clone()),
            Deed::ServicesGet => Done::Named("Shop".to_owned()),
            Deed::UsersGet => Done::Named("first".to_owned()),
            Deed::UsersGetAll => Done::Counted(1),
            Deed::Initiate => Done::Started(Method::Sms),
            Deed::VerifyWrong => Done::Answered(false),
            Deed::VerifyRight | Deed::TotpConfirm => Done::Answered(true),
            Deed::ServicesDelete | Deed::UsersDelete | Deed::TotpRemove => Done::Gone,
            Deed::TotpEnrol => return None,
        })
    }
}

/// What a client made of a deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Named(String),
    Counted(usize),
    Started(Method),
    Answered(bool),
    Enrolled(String),
    Gone,
}

/// A sandbox, with a client that meets no fault.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    api: Api,
    service: String,
    user: String,
    tasks: AtomicUsize,
}

impl Stage {
    /// One where nothing but the client keeps a second message from going out, and where a second
    /// guess would be the last.
    pub(crate) async fn set() -> Self {
        let rules = Rules {
            resend_delay: Duration::ZERO,
            tries: 2,
            ..sandbox::rules()
        };
        let sandbox = Sandbox::builder().rules(rules).start().await.unwrap();
        let api = sandbox.api().unwrap();
        let service = api.services.create("shop.example", "Shop").await.unwrap();
        let user = api.users.create(&service.id, "+37255555555", "first");
        let user = user.await.unwrap();
        Self {
            sandbox,
            api,
            service: service.id,
            user: user.id,
            tasks: AtomicUsize::new(0),
        }
    }

    /// Where the sandbox listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let url = self.sandbox.url();
        url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    pub(crate) async fn prepare(&self, deed: Deed) -> Task {
        let n = self.tasks.fetch_add(1, Ordering::Relaxed);
        let mut task = Task {
            deed,
            service: self.service.clone(),
            user: self.user.clone(),
            name: format!("name-{n:06}"),
            number: format!("+37255{n:06}"),
            token: String::new(),
            pin: String::new(),
        };
        match deed {
            Deed::ServicesDelete => {
                let domain = format!("{}.example", task.name);
                let service = self.api.services.create(&domain, &task.name).await;
                task.service = service.unwrap().id;
            }
            Deed::UsersDelete
            | Deed::Initiate
            | Deed::VerifyWrong
            | Deed::VerifyRight
            | Deed::TotpEnrol
            | Deed::TotpConfirm
            | Deed::TotpRemove => {
                let api = &self.api.users;
                let user = api.create(&task.service, &task.number, &task.name).await;
                task.user = user.unwrap().id;
            }
            Deed::ServicesCreate
            | Deed::ServicesGet
            | Deed::UsersCreate
            | Deed::UsersGet
            | Deed::UsersGetAll => {}
        }
        match deed {
            Deed::VerifyWrong | Deed::VerifyRight => self.start(&mut task).await,
            Deed::TotpConfirm | Deed::TotpRemove => self.enrol(&mut task).await,
            _ => {}
        }
        task
    }

    async fn start(&self, task: &mut Task) {
        let auth = &self.api.auth;
        let started = auth.initiate(&task.service, &task.user, Method::Sms).await;
        started.unwrap();
        task.pin = self.sandbox.last_pin(&task.number).unwrap();
        task.token = match task.deed {
            Deed::VerifyWrong => wrong(&task.pin),
            _ => task.pin.clone(),
        };
    }

    async fn enrol(&self, task: &mut Task) {
        let totp = &self.api.totp;
        let enrolment = totp.enrol(&task.service, &task.user).await.unwrap();
        task.token = self.sandbox.totp_code(&enrolment.secret).unwrap();
        if task.deed == Deed::TotpRemove {
            let confirmed = totp.confirm(&task.service, &task.user, &task.token).await;
            assert!(confirmed.unwrap());
        }
    }

    /// How many messages went to each number.
    pub(crate) fn messages(&self) -> HashMap<String, usize> {
        let mut sent = HashMap::new();
        for message in self.sandbox.messages() {
            *sent.entry(message.to).or_default() += 1;
        }
        sent
    }

    /// How often the server did it: 0, 1, or 2 for more than once. To be asked once, since asking
    /// uses up what is left to see.
    pub(crate) async fn acts(
        &self,
        task: &Task,
        done: Option<&Done>,
        messages: &HashMap<String, usize>,
    ) -> usize {
        let Task {
            service,
            user,
            name,
            number,
            pin,
            ..
        } = task;
        let Api {
            services,
            users,
            auth,
            totp,
        } = &self.api;
        match task.deed {
            Deed::ServicesGet | Deed::UsersGet | Deed::UsersGetAll => 0,
            Deed::ServicesCreate => {
                let domain = format!("{name}.example");
                there(services.create(&domain, name).await)
            }
            Deed::ServicesDelete => gone(services.get(service).await),
            Deed::UsersCreate => there(users.create(service, number, name).await),
            Deed::UsersDelete => gone(users.get(service, user).await),
            Deed::Initiate => messages.get(number).copied().unwrap_or_default(),
            Deed::VerifyWrong => {
                // Two tries there are. This is the second, if the deed was the first.
                let probe = auth.verify_detailed(service, user, &wrong(pin)).await;
                if probe.unwrap().status.unwrap().throttled {
                    return 2;
                }
                usize::from(!auth.verify(service, user, pin).await.unwrap())
            }
            Deed::VerifyRight => gone(auth.verify(service, user, pin).await),
            Deed::TotpEnrol => match done {
                Some(Done::Enrolled(secret)) => {
                    let code = self.sandbox.totp_code(secret).unwrap();
                    let is_the_last = totp.confirm(service, user, &code).await.unwrap();
                    if is_the_last { 1 } else { 2 }
                }
                _ => 1 - gone(totp.confirm(service, user, "000000").await),
            },
            Deed::TotpConfirm => there(totp.enrol(service, user).await),
            Deed::TotpRemove => gone(totp.remove(service, user).await),
        }
    }
}

/// 1 when it could not be made because it is there.
fn there<T>(made: Result<T>) -> usize {
    match made {
        Ok(_) => 0,
        Err(error) if error.kind() == ErrorKind::ResourceAlreadyExists => 1,
        Err(error) => panic!("{error:?}"),
    }
}

/// 1 when it was not found.
fn gone<T>(got: Result<T>) -> usize {
    match got {
        Ok(_) => 0,
        Err(error) if error.kind() == ErrorKind::NoSuchResource => 1,
        Err(error) => panic!("{error:?}"),
    }
}

fn wrong(pin: &str) -> String {
    let other = if pin.starts_with('0') { '1' } else { '0' };
    format!("{other}{}", &pin[1..])
}

/// The same text for both clients: with `await` after each call, or with nothing.
macro_rules! perform {
    ($api:expr, $task:expr $(, $await:tt)?) => {{
        let (api, task) = ($api, $task);
        let Task { service, user, name, number, token, .. } = task;
        match task.deed {
            Deed::ServicesCreate => {
                let domain = format!("{name}.example");
                Done::Named(api.services.create(&domain, name)$(.$await)??.name)
            }
            Deed::ServicesGet => Done::Named(api.services.get(service)$(.$await)??.name),
            Deed::ServicesDelete => {
                api.services.delete(service)$(.$await)??;
                Done::Gone
            }
            Deed::UsersCreate => {
                Done::Named(api.users.create(service, number, name)$(.$await)??.username)
            }
            Deed::UsersGet => Done::Named(api.users.get(service, user)$(.$await)??.username),
            Deed::UsersGetAll => Done::Counted(api.users.get_all(service)$(.$await)??.len()),
            Deed::UsersDelete => {
                api.users.delete(service, user)$(.$await)??;
                Done::Gone
            }
            Deed::Initiate => {
                Done::Started(api.auth.initiate(service, user, Method::Sms)$(.$await)??)
            }
            Deed::VerifyWrong | Deed::VerifyRight => {
                Done::Answered(api.auth.verify(service, user, token)$(.$await)??)
            }
            Deed::TotpEnrol => Done::Enrolled(api.totp.enrol(service, user)$(.$await)??.secret),
            Deed::TotpConfirm => {
                Done::Answered(api.totp.confirm(service, user, token)$(.$await)??)
            }
            Deed::TotpRemove => {
                api.totp.remove(service, user)$(.$await)??;
                Done::Gone
            }
        }
    }};
}

/// A client of either kind.
pub(crate) enum Client {
    Async(Api),
    Blocking(blocking::Api),
}

impl Client {
    pub(crate) fn of(builder: ApiBuilder, is_blocking: bool) -> Self {
        if is_blocking {
            Self::Blocking(builder.build_blocking().unwrap())
        } else {
            Self::Async(builder.build().unwrap())
        }
    }

    pub(crate) async fn perform(&self, task: &Task) -> Result<Done> {
        match self {
            Self::Async(api) => perform_async(api, task).await,
            Self::Blocking(api) => {
                // On a thread of an async runtime it would refuse to wait.
                let (api, task) = (api.clone(), task.clone());
                let (ready, done) = oneshot::channel();
                thread::spawn(move || ready.send(perform_blocking(&api, &task)));
                done.await.unwrap()
            }
        }
    }
}

async fn perform_async(api: &Api, task: &Task) -> Result<Done> {
    Ok(perform!(api, task, await))
}

fn perform_blocking(api: &blocking::Api, task: &Task) -> Result<Done> {
    Ok(perform!(api, task))
}
