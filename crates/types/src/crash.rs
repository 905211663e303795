//! Named points at which a test may end the process as `kill -9` does.

use std::sync::OnceLock;

/// Ends the process on the spot when the environment variable `EUCALYPTUS_CRASH_AT` names this
/// point; does nothing otherwise.
///
/// Fault tests start a daemon with the variable set to see that the step after which it dies is
/// finished or undone by the next start.
pub fn crash_point(name: &str) {
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var("EUCALYPTUS_CRASH_AT").ok());
    if wanted.as_deref() == Some(name) {
        std::process::abort();
    }
}
