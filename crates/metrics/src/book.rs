//! What is measured, under which names.

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter as PlainCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge as PlainGauge;
use prometheus_client::metrics::histogram::Histogram as PlainHistogram;
use prometheus_client::registry::{Metric, Registry};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// So many series a handle has at most.
pub const MOST_SERIES: usize = 4096;

/// What stands in every label of the series that takes what would make more.
const OTHER: &str = "other";

/// The upper ends of the buckets of all histograms, in seconds: from what an API call takes to
/// what the download of an image takes.
const BUCKETS: [f64; 15] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

type Labels = Vec<(&'static str, String)>;
type Numbers = PlainGauge<f64, AtomicU64>;

/// The measurements of one part of a process, under names that begin with `eucalyptus_`.
#[derive(Debug)]
pub struct Book(Mutex<Registry>);

impl Default for Book {
    fn default() -> Self {
        Self(Mutex::new(Registry::with_prefix("eucalyptus")))
    }
}

impl Book {
    /// A counter; `_total` is added to its name.
    pub fn counter(&self, name: &str, help: &str, labels: &'static [&'static str]) -> Counter {
        Counter(self.series(name, help, labels, PlainCounter::default))
    }

    /// Numbers that go up and down.
    pub fn gauge(&self, name: &str, help: &str, labels: &'static [&'static str]) -> Gauge {
        Gauge(self.series(name, help, labels, Numbers::default))
    }

    /// How long something takes; its name ends in `_seconds`.
    pub fn histogram(&self, name: &str, help: &str, labels: &'static [&'static str]) -> Histogram {
        Histogram(self.series(name, help, labels, || PlainHistogram::new(BUCKETS)))
    }

    fn series<M: Clone>(
        &self,
        name: &str,
        help: &str,
        names: &'static [&'static str],
        make: fn() -> M,
    ) -> Series<M>
    where
        Family<Labels, M, fn() -> M>: Metric,
    {
        let family = Family::new_with_constructor(make);
        self.register(name, help, family.clone());
        Series { family, names, count: Arc::default() }
    }

    fn register(&self, name: &str, help: &str, metric: impl Metric) {
        // The library ends the sentence with a full stop.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, metric);
    }

    /// Writes all of it down in the text format, without the end.
    ///
    /// # Errors
    /// None that a text could cause.
    pub fn write(&self, to: &mut String) -> fmt::Result {
        encode_registry(to, &self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The series of one handle.
#[derive(Debug, Clone)]
struct Series<M> {
    family: Family<Labels, M, fn() -> M>,
    /// The names of the labels.
    names: &'static [&'static str],
    /// How many series there are.
    count: Arc<AtomicUsize>,
}

impl<M: Clone> Series<M> {
    /// The series with these values of the labels.
    fn of(&self, values: &[&str]) -> M {
        debug_assert_eq!(self.names.len(), values.len(), "a value for each of {:?}", self.names);
        let labels = self.labels(|at| values.get(at).copied().unwrap_or_default());
        if let Some(known) = self.family.get(&labels) {
            return known.clone();
        }
        if self.count.fetch_add(1, Ordering::Relaxed) < MOST_SERIES {
            return self.family.get_or_create_owned(&labels);
        }
        self.count.store(MOST_SERIES, Ordering::Relaxed);
        self.family.get_or_create_owned(&self.labels(|_| OTHER))
    }

    fn labels<'a>(&self, value: impl Fn(usize) -> &'a str) -> Labels {
        self.names.iter().enumerate().map(|(at, name)| (*name, escaped(value(at)))).collect()
    }
}

/// A label's value as it must be written; the library writes it as it is.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

/// Counts.
#[derive(Debug, Clone)]
pub struct Counter(Series<PlainCounter>);

impl Counter {
    /// Adds to the count with these values of the labels.
    pub fn add(&self, values: &[&str], count: u64) {
        self.0.of(values).inc_by(count);
    }
}

/// Numbers that go up and down.
#[derive(Debug, Clone)]
pub struct Gauge(Series<Numbers>);

impl Gauge {
    /// Sets the number with these values of the labels.
    pub fn set(&self, values: &[&str], number: f64) {
        self.0.of(values).set(number);
    }

    /// Forgets all numbers: what is not set anew is not there any more.
    pub fn clear(&self) {
        self.0.family.clear();
        self.0.count.store(0, Ordering::Relaxed);
    }
}

/// Counts how long something takes.
#[derive(Debug, Clone)]
pub struct Histogram(Series<PlainHistogram>);

impl Histogram {
    /// Counts one that took so many seconds, with these values of the labels.
    pub fn observe(&self, values: &[&str], seconds: f64) {
        self.0.of(values).observe(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn shown(book: &Book) -> String {
        let mut text = String::new();
        book.write(&mut text).unwrap();
        text + "# EOF\n"
    }

    #[test]
    fn what_is_measured_is_shown() {
        let book = Book::default();
        let errors = book.counter("errors", "Errors", &["code"]);
        errors.add(&["In\"valid\n\\"], 2);
        errors.add(&["In\"valid\n\\"], 1);
        book.gauge("nodes", "Nodes", &[]).set(&[], 1.5);
        let took = book.histogram("work_seconds", "Work", &["of"]);
        took.observe(&["a"], 0.3);
        took.observe(&["a"], 1000.0);
        let samples = parse(&shown(&book)).unwrap();
        let value = |name: &str, labels: &[(&str, &str)]| {
            let is = |it: &&crate::Sample| {
                it.name == name
                    && it.labels.iter().map(|(n, v)| (&**n, &**v)).eq(labels.iter().copied())
            };
            samples.iter().find(is).unwrap_or_else(|| panic!("{name} {labels:?}")).value
        };
        assert_eq!(value("eucalyptus_errors_total", &[("code", "In\"valid\n\\")]), 3.0);
        assert_eq!(value("eucalyptus_nodes", &[]), 1.5);
        assert_eq!(value("eucalyptus_work_seconds_count", &[("of", "a")]), 2.0);
        assert_eq!(value("eucalyptus_work_seconds_bucket", &[("le", "0.25"), ("of", "a")]), 0.0);
        assert_eq!(value("eucalyptus_work_seconds_bucket", &[("le", "300.0"), ("of", "a")]), 1.0);
        assert_eq!(value("eucalyptus_work_seconds_bucket", &[("le", "+Inf"), ("of", "a")]), 2.0);
    }

    #[test]
    fn no_stranger_makes_more_than_so_many_series() {
        let book = Book::default();
        let counter = book.counter("calls", "Calls", &["action"]);
        for n in 0..MOST_SERIES + 50 {
            counter.add(&[&format!("action{n}")], 1);
        }
        counter.add(&["action0"], 1);
        let samples = parse(&shown(&book)).unwrap();
        assert_eq!(samples.len(), MOST_SERIES + 1);
        let of = |action: &str| samples.iter().find(|it| it.labels["action"] == action).unwrap();
        assert_eq!((of("other").value, of("action0").value), (50.0, 2.0));
    }
}
