//! What every process measures, under one name.

use crate::{Book, Histogram};

impl Book {
    /// How long launches take to a point on their way, by the point.
    pub fn launch_phases(&self) -> Histogram {
        let about = "How long launches take to a point on their way";
        self.histogram("launch_phase_seconds", about, &["phase"])
    }

    /// How long one look of a loop takes, by the loop.
    pub fn passes(&self) -> Histogram {
        self.histogram("pass_duration_seconds", "How long one look of a loop takes", &["loop"])
    }
}
