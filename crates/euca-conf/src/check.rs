//! `--check`: whether the configuration is right, also for this machine.

use crate::error::ToolError;
use conf::HostFacts;
use std::io::Write;
use std::path::Path;

pub(crate) fn check(
    file: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ToolError> {
    let loaded = conf::load(file)?;
    let on_this_machine = conf::doubts(&loaded.conf, &HostFacts::probe()?);
    for warning in loaded.warnings.iter().chain(&on_this_machine) {
        writeln!(err, "warning: {}: {warning}", file.display())?;
    }
    writeln!(out, "{}: right", file.display())?;
    Ok(())
}
