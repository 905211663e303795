//! One line that says how far a long step is.

use crate::Streams;
use crate::print::megabytes;
use std::time::{Duration, Instant};

/// What takes less is not worth a line.
const SHOWN_AFTER: Duration = Duration::from_secs(2);
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// Shows bytes done and bytes in all, on a terminal, once a step takes over two seconds.
pub(crate) struct Progress {
    step: &'static str,
    due: Instant,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(step: &'static str) -> Self {
        Self { step, due: Instant::now() + SHOWN_AFTER, shown: false }
    }

    /// Says how far the step is.
    pub(crate) fn at(&mut self, streams: &mut Streams<'_>, done: u64, all: u64) {
        let now = Instant::now();
        if !streams.watched || now < self.due {
            return;
        }
        self.due = now + SHOWN_EVERY;
        self.shown = true;
        let text = format!("\r{}: {} of {}\x1b[K", self.step, megabytes(done), megabytes(all));
        write(streams, &text);
    }

    /// Takes the line away, so that something else can be printed.
    pub(crate) fn clear(&mut self, streams: &mut Streams<'_>) {
        if std::mem::take(&mut self.shown) {
            write(streams, "\r\x1b[K");
        }
    }
}

fn write(streams: &mut Streams<'_>, text: &str) {
    // a terminal that is gone is no reason to stop working
    let _ = streams.err.write_all(text.as_bytes()).and_then(|()| streams.err.flush());
}
