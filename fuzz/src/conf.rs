//! `eucalyptus.conf`: any bytes.

use conf::{Conf, Document};
use std::path::Path;

/// The first line is `KEY VALUE`, an edit; the rest is the file that is read and edited.
pub fn conf(bytes: &[u8]) {
    let (edit, file) = match bytes.iter().position(|b| *b == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (&b""[..], bytes),
    };
    let document = Document::parse(file);
    assert_eq!(document.to_bytes(), file, "reading and writing changes nothing");
    read(&document);
    let edit = str::from_utf8(edit).ok().and_then(|edit| edit.split_once(' '));
    if let Some((key, value)) = edit {
        set(document, key, value);
    }
}

/// What the file means, or everything that is wrong with it.
fn read(document: &Document) {
    for entry in document.entries() {
        assert!(entry.key.is_some() || entry.value.is_err(), "a value belongs to a key");
    }
    match Conf::from_document(Path::new("eucalyptus.conf"), document) {
        Ok((conf, _)) => {
            let ports = [conf.ports.cloud, conf.ports.cc, conf.ports.nc, conf.ports.metadata];
            assert!(ports.iter().all(|port| *port != 0));
            assert!(conf.database_url.starts_with("sqlite:"));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Setting a variable changes its line, and no other byte.
fn set(document: Document, key: &str, value: &str) {
    let before = document.to_bytes();
    let mut edited = document.clone();
    if edited.set(key, value).is_err() {
        assert_eq!(edited, document, "a refused edit changes nothing");
        return;
    }
    assert_eq!(edited.get(key), Some(value), "what was set is read back");
    let after = edited.to_bytes();
    assert_eq!(Document::parse(&after), edited, "what was written means the same");

    let (old, new) = (lines(&before), lines(&after));
    if old.len() == new.len() {
        let changed = old.iter().zip(&new).filter(|(old, new)| old != new).count();
        assert!(changed <= 1, "{changed} lines changed");
    } else {
        assert_eq!(new.len(), old.len() + 1, "at most one line is added");
        // a last line without an end gets one when a line follows it
        let same = |(old, new): (&&[u8], &&[u8])| body(old) == body(new);
        let first = old.iter().zip(&new).take_while(|pair| same(*pair)).count();
        assert!(old[first..].iter().zip(&new[first + 1..]).all(same), "other lines are kept");
    }
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|b| *b == b'\n').collect()
}

fn body(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}
