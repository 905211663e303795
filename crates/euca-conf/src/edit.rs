//! Settings, `--setup` and `-name`.

use crate::args::Edit;
use crate::error::ToolError;
use conf::{Change, Conf, ConfError, Document, HostFacts, Layout, Problem, TEMPLATE};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(crate) fn edit(
    file: &Path,
    root: Option<&OsStr>,
    asked: &Edit,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    let (before, exists) = read_or_template(file, asked.setup)?;
    let mut document = before.clone();
    for (variable, value) in &asked.settings {
        document.set(variable, &absolute(variable, value)?)?;
    }
    refuse_wrong(file, &before, &document)?;
    let changes = match asked.setup {
        true => set_up(&mut document, file, root)?,
        false => Vec::new(),
    };
    if document != before || !exists {
        make(file.parent().unwrap_or(Path::new("/")), 0o755)?;
        conf::save(file, &document)?;
    }
    if asked.setup {
        report(file, &changes, out)?;
        make_directories(&document)?;
    }
    match &asked.name {
        Some(variable) => print(file, &document, variable, out),
        None => Ok(()),
    }
}

/// The file and whether it is there. `--setup` starts from the installed file when it is not.
fn read_or_template(file: &Path, setup: bool) -> Result<(Document, bool), ToolError> {
    match conf::read(file) {
        Ok(document) => Ok((document, true)),
        Err(ConfError::Read { source, .. })
            if setup && source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok((Document::parse(TEMPLATE.as_bytes()), false))
        }
        Err(error) => Err(error.into()),
    }
}

/// The value to write: -d names a directory that must exist and becomes absolute.
fn absolute(variable: &str, value: &str) -> Result<String, ToolError> {
    if variable != "EUCALYPTUS" {
        return Ok(value.to_owned());
    }
    let path = Path::new(value);
    let directory = std::fs::canonicalize(path).ok().filter(|path| path.is_dir());
    let directory = directory.ok_or_else(|| ToolError::NoDirectory(path.to_owned()))?;
    Ok(directory.display().to_string())
}

/// Refuses values that would stop the start. What was wrong before is none of this call's
/// business, and what is missing may come with the next.
pub(crate) fn refuse_wrong(
    file: &Path,
    before: &Document,
    after: &Document,
) -> Result<(), ToolError> {
    let known = problems(file, before);
    let is_new = |new: &Problem| {
        let same = |old: &Problem| old.variable == new.variable && old.text == new.text;
        let value = new.variable.as_deref().and_then(|variable| after.get(variable));
        value.is_some_and(|value| !value.is_empty()) && !known.iter().any(same)
    };
    let problems: Vec<Problem> = problems(file, after).into_iter().filter(is_new).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(ConfError::Wrong { path: file.to_owned(), problems }.into())
}

fn problems(file: &Path, document: &Document) -> Vec<Problem> {
    match Conf::from_document(file, document) {
        Err(ConfError::Wrong { problems, .. }) => problems,
        _ => Vec::new(),
    }
}

fn set_up(
    document: &mut Document,
    file: &Path,
    root: Option<&OsStr>,
) -> Result<Vec<Change>, ToolError> {
    let root = root.map(PathBuf::from).or_else(|| root_of(file));
    let root = root.unwrap_or_else(|| PathBuf::from(Layout::DEFAULT_ROOT));
    let root = std::path::absolute(&root).unwrap_or(root);
    let facts = HostFacts::probe()?;
    Ok(conf::setup(document, file, &root.display().to_string(), &facts)?)
}

/// The installation that a file named `ROOT/etc/eucalyptus/eucalyptus.conf` belongs to.
fn root_of(file: &Path) -> Option<PathBuf> {
    let file = std::path::absolute(file).ok()?;
    let root = file.ancestors().nth(3)?;
    (Layout::new(root).conf_file() == file).then(|| root.to_owned())
}

fn report(file: &Path, changes: &[Change], out: &mut dyn Write) -> Result<(), ToolError> {
    if changes.is_empty() {
        writeln!(out, "{}: everything is configured", file.display())?;
    }
    for Change { key, value, why } in changes {
        writeln!(out, "{}: {key}=\"{value}\" ({why})", file.display())?;
    }
    Ok(())
}

fn make_directories(document: &Document) -> Result<(), ToolError> {
    let layout = Layout::new(document.get("EUCALYPTUS").unwrap_or(Layout::DEFAULT_ROOT));
    for (path, mode) in layout.directories() {
        make(&path, mode)?;
    }
    let instances = document.get("INSTANCE_PATH").map_or_else(|| layout.instances(), PathBuf::from);
    make(&instances, 0o755)
}

/// Makes a directory and its parents, whatever the umask. One that is there keeps its mode.
fn make(path: &Path, mode: u32) -> Result<(), ToolError> {
    let failed = |source| ToolError::MakeDirectory { path: path.to_owned(), source };
    let missing: Vec<&Path> = path.ancestors().take_while(|part| !part.exists()).collect();
    for part in missing.iter().rev() {
        let mode = if *part == path { mode } else { 0o755 };
        let make = || {
            std::fs::create_dir(part)?;
            std::fs::set_permissions(part, std::fs::Permissions::from_mode(mode))
        };
        make().map_err(failed)?;
    }
    Ok(())
}

fn print(
    file: &Path,
    document: &Document,
    variable: &str,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    match document.get(variable) {
        Some(value) => Ok(writeln!(out, "{value}")?),
        None => Err(ToolError::NotSet { variable: variable.to_owned(), file: file.to_owned() }),
    }
}
