//! Where each run of each case stands, and what is to be said of it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    check::{Standard, key_of},
    request::Request,
};
use crate::vector::{Answer, Case, Exchange, Head};

/// Between the name of a case and the name of a run.
const RUN: char = '~';

/// All cases, and all runs of them.
pub(super) struct Scripts {
    cases: HashMap<String, Script>,
    /// By name, with the run's when it has one. Forgotten when the verdict is given.
    runs: Mutex<HashMap<String, Run>>,
}

/// A case, as seen from this side.
struct Script {
    auth: String,
    sends_keys: bool,
    steps: Vec<Step>,
}

struct Step {
    /// Which call of the case it belongs to, from 0.
    call: usize,
    exchange: Exchange,
}

/// A run of a case so far.
#[derive(Default)]
struct Run {
    arrived: usize,
    /// The key of the call that is going on, with its number.
    key: Option<(usize, String)>,
    earlier_keys: Vec<String>,
    faults: Vec<String>,
}

/// Whether a run of a case was what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Whether it was.
    pub ok: bool,
    /// Why not. Holds no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Scripts {
    pub(super) fn new(cases: &[Case]) -> Self {
        let cases = cases
            .iter()
            .map(|case| (case.name.clone(), Script::of(case)))
            .collect();
        Self {
            cases,
            runs: Mutex::default(),
        }
    }

    /// Takes a request of a run, and gives its answer; none when there is no such case.
    pub(super) fn play(&self, run: &str, path: &str, request: &Request) -> Option<Answer> {
        let script = self.script(run)?;
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let run = runs.entry(run.to_owned()).or_default();
        run.arrived += 1;
        let Some(step) = script.steps.get(run.arrived - 1) else {
            run.faults.push(format!(
                "came {} {path} beyond the last exchange",
                request.method
            ));
            return Some(one_too_many());
        };
        if run.key.as_ref().is_some_and(|(call, _)| *call != step.call) {
            run.earlier_keys.extend(run.key.take().map(|(_, key)| key));
        }
        let standard = Standard {
            request: &step.exchange.request,
            auth: &script.auth,
            sends_keys: script.sends_keys,
            key: run.key.as_ref().map(|(_, key)| key.as_str()),
            earlier_keys: &run.earlier_keys,
        };
        let faults = standard.faults(path, request);
        let at = run.arrived;
        run.faults
            .extend(faults.iter().map(|fault| format!("request {at}: {fault}")));
        if run.key.is_none() {
            run.key = key_of(request).map(|key| (step.call, key.to_owned()));
        }
        Some(step.exchange.answer.clone())
    }

    /// What is to be said of a run, which begins anew.
    pub(super) fn verdict(&self, run: &str) -> Verdict {
        let Some(script) = self.script(run) else {
            return Verdict {
                ok: false,
                why: Some("there is no such case".to_owned()),
            };
        };
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let Run {
            arrived,
            mut faults,
            ..
        } = runs.remove(run).unwrap_or_default();
        let expected = script.steps.len();
        if arrived != expected {
            faults.push(format!("came {arrived} requests, not {expected}"));
        }
        Verdict {
            ok: faults.is_empty(),
            why: (!faults.is_empty()).then(|| faults.join("; ")),
        }
    }

    fn script(&self, run: &str) -> Option<&Script> {
        self.cases
            .get(run.split_once(RUN).map_or(run, |(name, _)| name))
    }
}

impl Script {
    fn of(case: &Case) -> Self {
        let calls = case
            .before
            .iter()
            .map(|it| &it.exchanges)
            .chain([&case.exchanges]);
        let steps = calls.enumerate().flat_map(|(call, exchanges)| {
            exchanges
                .iter()
                .cloned()
                .map(move |exchange| Step { call, exchange })
        });
        Self {
            auth: format!("{}:{}", case.client.username(), case.client.password()),
            sends_keys: case.client.sends_keys(),
            steps: steps.collect(),
        }
    }
}

/// A status that no client tries again.
fn one_too_many() -> Answer {
    let head = Head {
        status: 418,
        headers: std::collections::BTreeMap::new(),
    };
    Answer::Whole(head, b"one request too many".to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts() -> Scripts {
        Scripts::new(
            &serde_json::from_str::<Vec<Case>>(
                r#"[{"name":"a","about":"","client":{"password":"a:b"},"result":{"method":"sms"},
                "before":[{"call":{"operation":"auth.initiate",
                    "arguments":{"service_id":"s","user_id":"u","method":"sms"}},
                    "exchanges":[{"request":{"method":"POST","path":"/p"},
                                  "answer":{"status":201}}]}],
                "call":{"operation":"auth.initiate",
                    "arguments":{"service_id":"s","user_id":"u","method":"sms"}},
                "exchanges":[{"request":{"method":"POST","path":"/p"},"answer":{"close":true}},
                             {"request":{"method":"POST","path":"/p"},"answer":{"status":201}}]}]"#,
            )
            .unwrap(),
        )
    }

    const FIRST: &str = "2b1fa1a4-0d2c-4b57-9a3e-6f0c2cdc9a11";
    const SECOND: &str = "9f0e8f9e-93c5-4a43-8f43-0a7f6c5b0c22";

    fn post(key: &str) -> Request {
        let headers = [
            ("x-service-auth", "user:a:b"),
            ("accept", "application/json"),
            ("user-agent", "verigator-x/1"),
            ("idempotency-key", key),
        ];
        Request {
            method: "POST".to_owned(),
            path: "/a/p".to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect(),
            body: Vec::new(),
        }
    }

    fn run(scripts: &Scripts, run: &str, keys: &[&str]) -> Verdict {
        for key in keys {
            scripts.play(run, "/p", &post(key)).unwrap();
        }
        scripts.verdict(run)
    }

    #[test]
    fn a_case_rewinds_with_its_verdict() {
        let scripts = scripts();
        for _ in 0..2 {
            let verdict = run(&scripts, "a", &[FIRST, SECOND, SECOND]);
            assert_eq!(
                verdict,
                Verdict {
                    ok: true,
                    why: None
                }
            );
        }
    }

    #[test]
    fn runs_keep_apart() {
        let scripts = scripts();
        scripts.play("a~1", "/p", &post(FIRST)).unwrap();
        assert!(run(&scripts, "a~2", &[FIRST, SECOND, SECOND]).ok);
        assert!(run(&scripts, "a~1", &[SECOND, SECOND]).ok);
    }

    #[test]
    fn keys_requests_and_names_are_held_to() {
        let scripts = scripts();
        for (keys, why) in [
            (&[][..], "came 0 requests, not 3"),
            (&[FIRST, SECOND], "came 2 requests, not 3"),
            (&[FIRST, FIRST, FIRST], "earlier call"),
            (&[FIRST, SECOND, FIRST], "changed within a call"),
            (&[FIRST, SECOND, SECOND, SECOND], "beyond the last exchange"),
        ] {
            let verdict = run(&scripts, "a", keys);
            assert!(!verdict.ok && verdict.why.unwrap().contains(why), "{why}");
        }
        assert!(scripts.play("b", "/p", &post(FIRST)).is_none());
        assert!(!scripts.verdict("b").ok);
    }
}
