//! The three processes, by name.

use conf::Layout;
use std::path::PathBuf;

/// A process of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Component {
    /// The cloud controller with Walrus.
    Cloud,
    /// A cluster controller.
    Cc,
    /// A node controller.
    Nc,
}

impl Component {
    /// In the order in which they are started.
    pub(crate) const ALL: [Self; 3] = [Self::Cloud, Self::Cc, Self::Nc];

    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::Cc => "cc",
            Self::Nc => "nc",
        }
    }

    /// The variable that says whether it runs on this machine.
    pub(crate) const fn switch(self) -> &'static str {
        match self {
            Self::Cloud => "START_CLOUD",
            Self::Cc => "START_CC",
            Self::Nc => "START_NC",
        }
    }

    pub(crate) fn pid_file(self, layout: &Layout) -> PathBuf {
        layout.run().join(format!("{}.pid", self.name()))
    }

    /// Its log, under the name that the guide gives it.
    pub(crate) fn log_file(self, layout: &Layout) -> PathBuf {
        let name = match self {
            Self::Cloud => "cloud-output.log",
            Self::Cc => "cc.log",
            Self::Nc => "nc.log",
        };
        layout.log().join(name)
    }
}
