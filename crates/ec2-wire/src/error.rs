//! The error of a request.

use crate::Code;
use std::fmt;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request was refused or failed: what the caller is told, and what only the log gets.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: String,
    cause: Option<Cause>,
}

impl Error {
    /// An error that the caller can understand and act on.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: None }
    }

    /// A fault of the cloud: the caller gets a request id to show to the administrator, the log
    /// gets the cause.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        let message = "an internal error has occurred; the administrator finds its cause in the \
                       cloud's log under the id of this request";
        Self::new(Code::InternalError, message).because(cause)
    }

    /// The same error with a cause for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// `InvalidParameterValue` in EC2's words: "Value (x) for parameter p is invalid. Rule."
    pub fn invalid(parameter: impl fmt::Display, value: &str, rule: impl fmt::Display) -> Self {
        let value = shown(value);
        let message = format!("Value ({value}) for parameter {parameter} is invalid. {rule}");
        Self::new(Code::InvalidParameterValue, message)
    }

    /// `MissingParameter` in EC2's words.
    pub fn missing(parameter: impl fmt::Display) -> Self {
        let message = format!("The request must contain the parameter {parameter}");
        Self::new(Code::MissingParameter, message)
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The message for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// What a stranger sent, as a message or the log can carry it: its beginning, on one line.
pub fn shown(text: &str) -> String {
    let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(64).map(printable).collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_echoed_is_short_and_on_one_line() {
        let error = Error::invalid("MinCount", &format!("1\n{}", "x".repeat(500)), "No.");
        assert!(!error.message().contains('\n') && error.message().len() < 200, "{error}");
    }
}
