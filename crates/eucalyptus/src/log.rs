//! What the logs say, and how a line looks.

use crate::logfile::LogFile;
use conf::LogLevel;
use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The target of what ends a process. `tracing` knows four of the five levels of the guides; an
/// error with this target is of the fifth.
pub(crate) const FATAL: &str = "fatal";

/// Begins to log, to standard output when there is no file.
pub(crate) fn start(level: LogLevel, file: Option<LogFile>) {
    let log = tracing_subscriber::fmt().with_ansi(false).with_env_filter(filter(level));
    let log = log.event_format(Lines::default());
    match file {
        Some(file) => log.with_writer(file).init(),
        None => log.init(),
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!(target: FATAL, "{panic}")));
}

fn filter(level: LogLevel) -> EnvFilter {
    let mut filter = format!("{},{FATAL}=error", level.filter());
    if level == LogLevel::Debug {
        // every reuse of a connection is of no use to anybody
        filter.push_str(",hyper_util=info");
    }
    EnvFilter::new(filter)
}

/// Lines as `tracing` writes them, and those of the fifth level under its name.
#[derive(Default)]
struct Lines(Format<Full, SystemTime>);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().target() != FATAL {
            return self.0.format_event(context, line, event);
        }
        SystemTime.format_time(&mut line)?;
        line.write_str(" FATAL ")?;
        context.field_format().format_fields(line.by_ref(), event)?;
        line.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conf::LogFiles;

    #[test]
    fn each_level_says_what_it_names_and_fatal_is_what_ends_a_process() {
        for (level, expected) in [
            (LogLevel::Debug, "DEBUG INFO WARN ERROR FATAL"),
            (LogLevel::Info, "INFO WARN ERROR FATAL"),
            (LogLevel::Warn, "WARN ERROR FATAL"),
            (LogLevel::Error, "ERROR FATAL"),
            (LogLevel::Fatal, "FATAL"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("cc.log");
            let file = LogFile::in_test(&path, LogFiles { max_bytes: 1 << 20, kept: 1 });
            let log = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_env_filter(filter(level))
                .event_format(Lines::default())
                .with_writer(file)
                .finish();
            tracing::subscriber::with_default(log, || {
                tracing::debug!(answer = 42, "a word");
                tracing::info!(answer = 42, "a word");
                tracing::warn!(answer = 42, "a word");
                tracing::error!(answer = 42, "a word");
                tracing::error!(target: FATAL, answer = 42, "a word");
            });
            let text = std::fs::read_to_string(&path).unwrap();
            let levels: Vec<_> =
                text.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
            assert_eq!(levels.join(" "), expected);
            assert!(text.lines().all(|line| line.ends_with("a word answer=42")), "{text}");
        }
    }
}
