//! What goes wrong on the way to a page.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

/// Why the console cannot do its work. What a visitor does wrong is told on a page instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state refused or failed.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The cloud refused or failed.
    #[error(transparent)]
    Cloud(#[from] cloud::Error),
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system: {0}")]
    Randomness(#[from] getrandom::Error),
    /// A password could not be hashed.
    #[error("a password cannot be hashed: {0}")]
    Hash(String),
    /// The process is stopping.
    #[error("the process is stopping")]
    Stopping,
    /// The mail server's name cannot be used.
    #[error("mail: {0}")]
    Mail(String),
}

/// The console's results.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl IntoResponse for Error {
    /// A plain answer: what is wrong inside is for the log.
    fn into_response(self) -> Response {
        if let Self::State(state::Error::Overloaded) = self {
            let text = "The cloud has too much to do right now. Try again in a moment.\n";
            return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        }
        tracing::error!(error = %self, "a page could not be made");
        let text = "This went wrong inside the cloud. Its administrator finds the reason in \
                    cloud.log.\n";
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}
