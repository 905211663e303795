//! The access log: a line for every request, and its count.

use crate::Cloud;
use ec2_wire::{Code, Error, Service};
use std::time::Instant;

/// The longest message of a refusal that is logged; some of them quote what was sent.
const LONGEST_MESSAGE: usize = 300;

/// What is known of a request by the time it is answered.
pub(super) struct Access {
    begun: Instant,
    /// One of the actions that there are; other names are a stranger's.
    pub(super) action: &'static str,
    /// The caller's name, once the signature was found right.
    pub(super) user: Option<String>,
}

impl Access {
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), action: "other", user: None }
    }

    /// Logs and counts the answer.
    pub(super) fn end(&self, cloud: &Cloud, service: Service, refusal: Option<&Error>) {
        let code = refusal.map_or("OK", |error| error.code().as_str());
        let user = self.user.as_deref().unwrap_or("-");
        let (action, ms) = (self.action, self.begun.elapsed().as_millis());
        cloud.measures.answered(word(service), action, code, self.begun);
        match refusal {
            None => tracing::info!(action, user, code, ms, "answered"),
            Some(error) if error.code() == Code::InternalError => {
                tracing::error!(action, user, code, ms, why = why(error), "failed");
            }
            Some(error) => tracing::info!(action, user, code, ms, why = why(error), "refused"),
        }
    }
}

const fn word(service: Service) -> &'static str {
    match service {
        Service::Ec2 => "ec2",
        Service::Sts => "sts",
        Service::Iam => "iam",
    }
}

/// The message and its causes, on one line whatever was sent.
fn why(error: &Error) -> String {
    let mut text = error.message().to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let one_line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    one_line.take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_makes_no_line_of_its_own() {
        let error =
            Error::new(Code::InvalidAction, format!("no\n2026 INFO forged{}", "x".repeat(999)));
        let text = why(&error);
        assert!(text.starts_with("no 2026 INFO forged"), "{text}");
        assert_eq!((text.lines().count(), text.chars().count()), (1, LONGEST_MESSAGE));
    }
}
