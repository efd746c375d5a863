//! What the server counts and what it is doing, and the text form of both for Prometheus.
//!
//! Knows no HTTP and no secret: a label is a word of this crate, never anything that came in.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Upper bounds of the histogram's buckets, in seconds: from a step in memory to one that waits
/// for a lock.
const BUCKETS: [f64; 10] = [
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 2.5,
];

/// All counts since the process started.
#[derive(Default)]
pub struct Metrics {
    /// By operation and status.
    requests: Counter<(&'static str, u16)>,
    /// PINs that were handed to delivery.
    pins_sent: Counter<()>,
    /// By method and result.
    checks: Counter<(&'static str, &'static str)>,
    /// By provider and outcome.
    deliveries: Counter<(&'static str, &'static str)>,
    /// By provider and status.
    reports: Counter<(&'static str, &'static str)>,
    /// By step.
    store: Mutex<BTreeMap<&'static str, Histogram>>,
}

/// What is so at the moment of asking.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gauges {
    /// Open connections.
    pub connections: usize,
    /// Requests that run, the one that asks among them.
    pub requests: usize,
    /// The outbox; none when the store did not say.
    pub outbox: Option<OutboxGauges>,
}

/// How the outbox is doing.
#[derive(Debug, Clone, Copy)]
pub struct OutboxGauges {
    /// See [`Queue::messages`](crate::store::Queue::messages).
    pub messages: u32,
    /// For how long the first message has been due and nobody came for it; zero when none is.
    pub oldest: Duration,
}

/// The most messages that are counted for a scrape: more are not counted anew every few seconds,
/// and say nothing more to whoever is woken by them.
pub const COUNTED_MESSAGES: u32 = 10_000;

struct Counter<L>(Mutex<BTreeMap<L, u64>>);

impl<L> Default for Counter<L> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<L: Ord> Counter<L> {
    fn add(&self, labels: L) {
        *lock(&self.0).entry(labels).or_default() += 1;
    }
}

#[derive(Clone, Default)]
struct Histogram {
    /// How many took no longer than the bucket's bound, and longer than the one before.
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: Duration,
}

impl Metrics {
    /// A request was answered. An operation is a word such as `auth.verify`.
    pub fn answered(&self, operation: &'static str, status: u16) {
        self.requests.add((operation, status));
    }

    /// A PIN is on its way.
    pub fn pin_sent(&self) {
        self.pins_sent.add(());
    }

    /// A guess was checked.
    pub fn checked(&self, method: &'static str, result: &'static str) {
        self.checks.add((method, result));
    }

    /// What became of a message at a provider: `sent`, `failed` or `unknown`.
    pub fn delivered(&self, provider: &'static str, outcome: &'static str) {
        self.deliveries.add((provider, outcome));
    }

    /// What a provider reported of a message that it took.
    pub fn reported(&self, provider: &'static str, status: &'static str) {
        self.reports.add((provider, status));
    }

    /// The store took so long for a step.
    pub fn stored(&self, step: &'static str, took: Duration) {
        let mut steps = lock(&self.store);
        let histogram = steps.entry(step).or_default();
        let seconds = took.as_secs_f64();
        let place = BUCKETS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = place.and_then(|place| histogram.buckets.get_mut(place)) {
            *bucket += 1;
        }
        histogram.count += 1;
        histogram.sum += took;
    }

    /// The text that Prometheus reads (exposition format 0.0.4).
    pub fn render(&self, gauges: &Gauges) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text).and_then(|()| gauges.write(&mut text));
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        head(
            out,
            "requests_total",
            "counter",
            "Requests by operation and status.",
        )?;
        for ((operation, status), n) in lock(&self.requests.0).iter() {
            let labels = format!("operation=\"{operation}\",status=\"{status}\"");
            writeln!(out, "verigator_requests_total{{{labels}}} {n}")?;
        }
        head(
            out,
            "pins_sent_total",
            "counter",
            "PINs handed to delivery.",
        )?;
        let sent = lock(&self.pins_sent.0).get(&()).copied();
        writeln!(
            out,
            "verigator_pins_sent_total {}",
            sent.unwrap_or_default()
        )?;
        head(
            out,
            "checks_total",
            "counter",
            "Checked guesses by method and result.",
        )?;
        for ((method, result), n) in lock(&self.checks.0).iter() {
            let labels = format!("method=\"{method}\",result=\"{result}\"");
            writeln!(out, "verigator_checks_total{{{labels}}} {n}")?;
        }
        head(
            out,
            "deliveries_total",
            "counter",
            "Messages by provider and outcome.",
        )?;
        for ((provider, outcome), n) in lock(&self.deliveries.0).iter() {
            let labels = format!("provider=\"{provider}\",outcome=\"{outcome}\"");
            writeln!(out, "verigator_deliveries_total{{{labels}}} {n}")?;
        }
        head(
            out,
            "delivery_reports_total",
            "counter",
            "Reports of messages by provider and status.",
        )?;
        for ((provider, status), n) in lock(&self.reports.0).iter() {
            let labels = format!("provider=\"{provider}\",status=\"{status}\"");
            writeln!(out, "verigator_delivery_reports_total{{{labels}}} {n}")?;
        }
        head(
            out,
            "store_seconds",
            "histogram",
            "How long the store took, by step.",
        )?;
        for (step, histogram) in lock(&self.store).iter() {
            let mut below = 0;
            for (bound, n) in BUCKETS.iter().zip(histogram.buckets) {
                below += n;
                let labels = format!("step=\"{step}\",le=\"{bound}\"");
                writeln!(out, "verigator_store_seconds_bucket{{{labels}}} {below}")?;
            }
            let (count, sum) = (histogram.count, histogram.sum.as_secs_f64());
            let labels = format!("step=\"{step}\",le=\"+Inf\"");
            writeln!(out, "verigator_store_seconds_bucket{{{labels}}} {count}")?;
            writeln!(out, "verigator_store_seconds_sum{{step=\"{step}\"}} {sum}")?;
            writeln!(
                out,
                "verigator_store_seconds_count{{step=\"{step}\"}} {count}"
            )?;
        }
        Ok(())
    }
}

impl Gauges {
    fn write(&self, out: &mut String) -> fmt::Result {
        let gauge = |out: &mut String, name, help, value: &dyn fmt::Display| {
            head(out, name, "gauge", help)?;
            writeln!(out, "verigator_{name} {value}")
        };
        gauge(out, "connections", "Open connections.", &self.connections)?;
        gauge(
            out,
            "requests_in_flight",
            "Requests that run, this one among them.",
            &self.requests,
        )?;
        if let Some(outbox) = &self.outbox {
            let help =
                format!("Messages that are not sent yet; at most {COUNTED_MESSAGES} are counted.");
            gauge(out, "outbox_messages", &help, &outbox.messages)?;
            gauge(
                out,
                "outbox_oldest_seconds",
                "How long the first message has been due and nobody came for it.",
                &outbox.oldest.as_secs_f64(),
            )?;
        }
        head(out, "build_info", "gauge", "1, with the server's version.")?;
        let version = env!("CARGO_PKG_VERSION");
        writeln!(out, "verigator_build_info{{version=\"{version}\"}} 1")
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP verigator_{name} {help}")?;
    writeln!(out, "# TYPE verigator_{name} {kind}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_the_text() {
        let metrics = Metrics::default();
        metrics.answered("auth.verify", 200);
        metrics.answered("auth.verify", 200);
        metrics.answered("-", 404);
        metrics.pin_sent();
        metrics.checked("sms", "invalid");
        metrics.delivered("console", "sent");
        metrics.delivered("console", "failed");
        metrics.reported("messente", "DELIVRD");
        for millis in [1, 2, 60_000] {
            metrics.stored("check", Duration::from_millis(millis));
        }
        let gauges = Gauges {
            connections: 3,
            requests: 2,
            outbox: Some(OutboxGauges {
                messages: 7,
                oldest: Duration::from_millis(1_500),
            }),
        };
        let text = metrics.render(&gauges);
        for line in [
            "# TYPE verigator_requests_total counter",
            "verigator_requests_total{operation=\"auth.verify\",status=\"200\"} 2",
            "verigator_requests_total{operation=\"-\",status=\"404\"} 1",
            "verigator_pins_sent_total 1",
            "verigator_checks_total{method=\"sms\",result=\"invalid\"} 1",
            "verigator_deliveries_total{provider=\"console\",outcome=\"sent\"} 1",
            "verigator_deliveries_total{provider=\"console\",outcome=\"failed\"} 1",
            "verigator_delivery_reports_total{provider=\"messente\",status=\"DELIVRD\"} 1",
            "# TYPE verigator_store_seconds histogram",
            "verigator_store_seconds_bucket{step=\"check\",le=\"0.0005\"} 0",
            "verigator_store_seconds_bucket{step=\"check\",le=\"0.001\"} 1",
            "verigator_store_seconds_bucket{step=\"check\",le=\"2.5\"} 2",
            "verigator_store_seconds_bucket{step=\"check\",le=\"+Inf\"} 3",
            "verigator_store_seconds_sum{step=\"check\"} 60.003",
            "verigator_store_seconds_count{step=\"check\"} 3",
            "# TYPE verigator_connections gauge",
            "verigator_connections 3",
            "verigator_requests_in_flight 2",
            "verigator_outbox_messages 7",
            "verigator_outbox_oldest_seconds 1.5",
            concat!(
                "verigator_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
        let empty = Metrics::default().render(&Gauges::default());
        assert!(empty.contains("verigator_pins_sent_total 0\n"));
        assert!(!empty.contains("outbox"), "{empty}");
    }
}
