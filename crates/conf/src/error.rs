//! What can be wrong with the configuration.

use std::fmt;
use std::path::PathBuf;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}; {}", path.display(), remedy(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file, or a directory that belongs to it, cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file says things that cannot be.
    #[error("{}", listed(path, problems))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Every problem found, in the order of the file.
        problems: Vec<Problem>,
    },
    /// A variable cannot be written into the file.
    #[error(
        "cannot write {key:?} = {value:?}: a name is letters, digits and _, and a value is one \
         line without control characters"
    )]
    Unwritable {
        /// The variable.
        key: String,
        /// The value.
        value: String,
    },
    /// No private network is free on this machine.
    #[error(
        "every private /16 network overlaps a route or an address of this machine; choose one \
         yourself: set VNET_SUBNET and VNET_NETMASK in {}", path.display()
    )]
    NoFreeSubnet {
        /// The file.
        path: PathBuf,
    },
    /// The machine's routes cannot be listed.
    #[error("cannot list this machine's routes: {0}; install iproute2 and try again")]
    Routes(String),
}

fn remedy(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::NotFound => "write one with euca_conf --setup",
        _ => "read it as root",
    }
}

/// One thing that is wrong, for the person who edits the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1; none when the variable is missing.
    pub line: Option<usize>,
    /// The variable; none when the line is not an assignment.
    pub variable: Option<String>,
    /// What is wrong, and what would be right.
    pub text: String,
}

fn listed(path: &std::path::Path, problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}{problem}", path.display())).collect();
    lines.join("\n")
}

/// What follows the file's name: `:LINE: VARIABLE text`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match &self.variable {
            Some(variable) => write!(f, ": {variable} {}", self.text),
            None => write!(f, ": this line {}", self.text),
        }
    }
}
