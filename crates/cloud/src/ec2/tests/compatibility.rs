//! `docs/compatibility.md`, made from the definitions and from the tests that name each action.

use ec2_wire::{Definition, Kind, Param, Version};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const HEAD: &str = "# Compatibility

What of the EC2, STS and IAM APIs this cloud serves. This page is made from the definitions that \
the cloud itself decodes requests with: `UPDATE_DOCS=1 cargo test -p cloud compatibility` writes \
it, and `make test` fails when it is old.

Actions that are not here are answered with `UnsupportedOperation` and their name. Parameters that \
are not here are ignored, counted (`euca_conf --list-ignored`) and logged. \"Since\" is the API \
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
    definitions.sort_by_key(|definition| (definition.service as u8, definition.name));
    let mut page = HEAD.to_owned();
    let mut service = None;
    for definition in definitions {
        if service.replace(definition.service) != Some(definition.service) {
            let _ = write!(page, "\n## {}\n", definition.service.name());
        }
        section(&mut page, definition, tests);
    }
    page
}

fn section(page: &mut String, definition: &Definition, tests: &[Test]) {
    let Definition { name, doc, since, parameters, filters, .. } = definition;
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
        let since = if param.since == Version::FIRST { String::new() } else { param.since.to_string() };
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
    let of_all = ["compatibility", "matrix", "tenancy", "world"];
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.retain(|path| !of_all.contains(&stem(path).as_str()));
    files.iter().flat_map(|path| tests_of(&stem(path), &std::fs::read_to_string(path).unwrap())).collect()
}

fn tests_of(file: &str, text: &str) -> Vec<Test> {
    let parts = text.split("\n#[").skip(1).filter(|part| part.contains("test]"));
    let test = |part: &str| {
        let name = part.split_once("fn ")?.1.split('(').next()?.replace('_', " ");
        Some(Test { name: format!("{name} ({file})"), body: part.to_owned() })
    };
    parts.filter_map(test).collect()
}
