//! Why a tool could not do what it was asked.

use bundle::{BundleError, MakeError};
use std::io;
use std::path::PathBuf;

/// Why a tool could not do what it was asked. Its text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A setting that is given neither as an option nor in the environment.
    #[error("{variable} is not set: read your credentials with \". eucarc\", or give {option}")]
    Unset { variable: &'static str, option: &'static str },
    #[error("{url} is not an address of the form http://HOST:8773/services/...: {reason}")]
    Url { url: String, reason: String },
    /// An option whose value has the wrong form.
    #[error("{option}: \"{value}\" is not valid: expected {expected}")]
    Option { option: &'static str, value: String, expected: &'static str },
    #[error("cannot connect to {url}: {source}; {remedy}")]
    Connect { url: String, source: io::Error, remedy: &'static str },
    #[error(
        "{url} is not who it should be: {source}; AWS_CA_BUNDLE must name the file with the \
         certificate of this cloud's authority (eucarc sets it)"
    )]
    Identity { url: String, source: io::Error },
    #[error("{}: {reason}; AWS_CA_BUNDLE must name a PEM file with certificates", path.display())]
    Roots { path: PathBuf, reason: String },
    #[error("no complete answer from {url}: {reason}")]
    Talk { url: String, reason: String },
    #[error("{url} gave an answer that is not understood: {reason}")]
    Answer { url: String, reason: String },
    /// What EC2 or S3 refused, in its words.
    #[error("{code}: {message}")]
    Refused { code: String, message: String },
    #[error("the request cannot be signed: {0}; check the access key")]
    Sign(#[from] signature::Error),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Key { path: PathBuf, source: bundle::InvalidKey },
    #[error("{}: {source}", path.display())]
    Manifest { path: PathBuf, source: BundleError },
    #[error(transparent)]
    Bundle(#[from] MakeError),
    #[error("{}: {source}", path.display())]
    Disk { path: PathBuf, source: diskimage::Refused },
    /// The image would be installed a second time, or could not be started as it is asked for.
    #[error("{0}")]
    Install(String),
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// The output is closed or full.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

impl Error {
    /// Attaches a path to an I/O error.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
