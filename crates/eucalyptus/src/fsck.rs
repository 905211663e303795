//! `eucalyptus walrus fsck`. Its exit status is that of fsck(8).

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

const MENDED: u8 = 1;
const LEFT: u8 = 4;
const NOT_CHECKED: u8 = 8;

/// Checks the store in a directory and writes what is wrong, line by line.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn run(dir: &Path, repair: bool, out: &mut dyn Write) -> io::Result<ExitCode> {
    let mut written = Ok(());
    let checked = walrus::check(dir, repair, &mut |finding| {
        if written.is_ok() {
            written = writeln!(out, "{finding}");
        }
    });
    written?;
    match checked {
        Ok(check) => {
            writeln!(out, "{check}")?;
            Ok(match check {
                walrus::Check { damaged: 0, flaws: 0, mended: 0, .. } => ExitCode::SUCCESS,
                walrus::Check { damaged: 0, flaws: 0, .. } => MENDED.into(),
                _ => LEFT.into(),
            })
        }
        Err(error) => {
            writeln!(io::stderr(), "eucalyptus: the store of Walrus was not checked: {error}")?;
            Ok(NOT_CHECKED.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::Arc;
    use tempfile::TempDir;
    use types::SystemClock;
    use walrus::{Settings, Walrus};

    #[test]
    fn the_exit_status_says_what_was_found() {
        let dir = TempDir::new().unwrap();
        let store = dir.path().join("bukkits");
        let run = |repair| {
            let mut out = Vec::new();
            let status = super::run(&store, repair, &mut out).unwrap();
            (status, String::from_utf8(out).unwrap())
        };
        assert_eq!(run(false).0, NOT_CHECKED.into());
        let walrus = Walrus::open(&store, Settings::default(), Arc::new(SystemClock)).unwrap();
        assert_eq!(run(false).0, NOT_CHECKED.into(), "it is in use");
        drop(walrus);
        let sound = "0 objects and parts, 0 bytes: 0 damaged, 0 flaws, 0 mended\n";
        assert_eq!(run(true), (ExitCode::SUCCESS, sound.to_owned()));
        fs::write(store.join("blobs/00/00000000000000000000000000000001"), "a").unwrap();
        let (status, told) = run(false);
        assert_eq!(status, LEFT.into());
        assert!(told.contains("blobs/00/00000000000000000000000000000001"), "{told}");
        assert_eq!(run(true).0, MENDED.into());
        assert_eq!(run(true).0, ExitCode::SUCCESS);
    }
}
