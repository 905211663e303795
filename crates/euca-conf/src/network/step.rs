//! One step of the check and what came of it.

use std::fmt;

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// What was looked at.
    pub(crate) about: &'static str,
    pub(crate) outcome: Outcome,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is as it should be; what was seen.
    Right(String),
    Wrong(Vec<Fault>),
    /// It cannot be told from here, and why.
    Unknown(String),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    what: String,
    /// How to mend it; none when `what` says so already.
    remedy: Option<String>,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: Some(remedy.into()) }
    }

    /// One whose text names the remedy.
    pub(crate) fn told(text: &str) -> Self {
        Self { what: text.to_owned(), remedy: None }
    }
}

impl Step {
    /// Wrong when there are faults.
    pub(crate) fn of(about: &'static str, faults: Vec<Fault>, right: impl Into<String>) -> Self {
        let outcome = match faults.is_empty() {
            true => Outcome::Right(right.into()),
            false => Outcome::Wrong(faults),
        };
        Self { about, outcome }
    }

    pub(crate) fn right(about: &'static str, seen: impl Into<String>) -> Self {
        Self { about, outcome: Outcome::Right(seen.into()) }
    }

    pub(crate) fn unknown(about: &'static str, why: impl Into<String>) -> Self {
        Self { about, outcome: Outcome::Unknown(why.into()) }
    }
}

/// A line for each thing, and one below for its remedy.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = self.about;
        match &self.outcome {
            Outcome::Right(seen) => writeln!(f, "ok     {about}: {seen}"),
            Outcome::Unknown(why) => writeln!(f, "?      {about}: {why}"),
            Outcome::Wrong(faults) => faults.iter().try_for_each(|Fault { what, remedy }| {
                writeln!(f, "WRONG  {about}: {what}")?;
                remedy.iter().try_for_each(|remedy| writeln!(f, "       mend it: {remedy}"))
            }),
        }
    }
}
