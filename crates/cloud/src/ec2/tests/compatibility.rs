//! `docs/compatibility.md`, made from the definitions and from the tests that name each action.

use ec2_wire::{Definition, Kind, Param, Service, Version};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const HEAD: &str = "# Compatibility

What of the EC2, STS and IAM APIs this cloud serves. This page is made from the definitions that \
the cloud itself decodes requests with: `UPDATE_DOCS=1 cargo test -p cloud compatibility` writes \
it, and `make test` fails when it is old.

Actions that are not here are answered with `UnsupportedOperation` and their name. Parameters that \
are not here are ignored, counted (`euca_conf --ignored-parameters`) and logged. \"Since\" is the API \
version in which something appeared in Amazon's cloud; requests in older versions may use it too, \
and answers have the shape of the version that was asked for. Every action is also tried without \
credentials, with the things of another user, with malformed, oversized and unknown parameters.
";

/// A test and where it is.
struct Test {
    name: String,
    body: String,
}

#[test]
fn the_page_is_that_of_the_definitions_and_the_tests() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    let page = page(&tests());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().zip(committed.lines()).find(|(new, old)| new != old);
    assert_eq!(differs, None, "run: UPDATE_DOCS=1 cargo test -p cloud compatibility");
    assert_eq!(page.len(), committed.len(), "run: UPDATE_DOCS=1 cargo test -p cloud compatibility");
}

fn page(tests: &[Test]) -> String {
    let mut definitions: Vec<_> = crate::ec2::definitions().collect();
    definitions.sort_by_key(|definition| (definition.service, definition.name));
    let mut page = HEAD.to_owned();
    let mut service = None;
    for definition in definitions {
        if service.replace(definition.service) != Some(definition.service) {
            let _ = write!(page, "\n## {}\n", title(definition.service));
        }
        section(&mut page, definition, tests);
    }
    page
}

const fn title(service: Service) -> &'static str {
    match service {
        Service::Ec2 => "EC2, at /services/Eucalyptus",
        Service::Sts => "STS, at /services/Tokens",
        Service::Iam => "IAM, at /services/Euare",
    }
}

fn section(page: &mut String, definition: &Definition, tests: &[Test]) {
    let Definition { name, doc, parameters, filters, .. } = definition;
    let since = definition.service.version().unwrap_or(definition.since);
    let _ = write!(page, "\n### {name}\n\n{doc} Since {since}.\n");
    if !parameters.is_empty() {
        page.push_str("\n| Parameter | | Since | |\n|---|---|---|---|\n");
        rows(page, "", parameters);
    }
    if !filters.is_empty() {
        let _ = write!(page, "\nFilters: `{}`.\n", filters.join("`, `"));
    }
    let called = format!("\"{name}\"");
    let mut covering: Vec<_> =
        tests.iter().filter(|test| test.body.contains(&called)).map(|test| &test.name).collect();
    covering.sort();
    assert!(!covering.is_empty(), "no test calls {name}");
    let _ = write!(page, "\nTests: ");
    for (at, name) in covering.iter().enumerate() {
        let _ = write!(page, "{}{name}", if at == 0 { "" } else { ", " });
    }
    page.push_str(".\n");
}

fn rows(page: &mut String, above: &str, table: &[Param]) {
    for param in table {
        let mut name = format!("{above}{}", param.query);
        let mut kind = param.kind;
        while let Kind::List(item) = kind {
            name.push_str(".N");
            kind = *item;
        }
        let needed = if param.required { "required; " } else { "" };
        let since =
            if param.since == Version::FIRST { String::new() } else { param.since.to_string() };
        let doc = param.doc.trim().replace('|', "\\|");
        let _ = writeln!(page, "| `{name}` | {needed}{} | {since} | {doc} |", described(kind));
        if let Kind::Structure(inner) = kind {
            rows(page, &format!("{name}."), inner);
        }
    }
}

fn described(kind: Kind) -> String {
    match kind {
        Kind::Text(most) => format!("text, at most {most}"),
        Kind::Integer(..) => "number".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Base64(most) => format!("base64, at most {most} bytes"),
        Kind::Form(form) => form.replace('|', "\\|"),
        Kind::Words(words) => words.join(", "),
        Kind::List(_) => "list".to_owned(),
        Kind::Structure(_) => "structure".to_owned(),
    }
}

/// The tests of this crate that call actions, but for those that call all of them.
fn tests() -> Vec<Test> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ec2/tests");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let of_all = ["compatibility", "filters", "matrix", "tenancy", "world"];
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.retain(|path| !of_all.contains(&stem(path).as_str()));
    let read = |path: &PathBuf| tests_of(&stem(path), &std::fs::read_to_string(path).unwrap());
    files.iter().flat_map(read).collect()
}

/// The tests of a file, each with the text of the functions and constants that it uses.
fn tests_of(file: &str, text: &str) -> Vec<Test> {
    let parts = parts(text);
    let items: Vec<(&str, &str, bool)> = parts.iter().filter_map(|part| item(part)).collect();
    let mut tests = Vec::new();
    for (name, body, _) in items.iter().filter(|(.., is_test)| *is_test) {
        let mut used = vec![*name];
        let mut whole = (*body).to_owned();
        // What is used may use more; names only grow, so this ends.
        while let Some((name, body, _)) =
            items.iter().find(|(name, ..)| !used.contains(name) && mentions(&whole, name))
        {
            used.push(name);
            whole.push_str(body);
        }
        let name = format!("{} ({file})", name.replace('_', " "));
        tests.push(Test { name, body: whole });
    }
    tests
}

/// The text of each item of a file: what stands between empty lines, but for those inside of one.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in text.split("\n\n") {
        match parts.last_mut().filter(|_| part.starts_with(' ')) {
            Some(last) => last.push_str(part),
            None => parts.push(part.to_owned()),
        }
    }
    parts
}

/// A function or a constant: its name, its text, and whether it is a test.
fn item(text: &str) -> Option<(&str, &str, bool)> {
    let is_test = text.contains("test]\n");
    let after = ["fn ", "const "].iter().find_map(|word| {
        text.lines().find_map(|line| {
            let line = line.strip_prefix("pub(super) ").unwrap_or(line);
            line.strip_prefix("async ").unwrap_or(line).strip_prefix(word)
        })
    })?;
    let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    Some((name, text, is_test))
}

fn mentions(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}
