//! XML that comes in, and XML that carries a stranger's text out.

use ec2_wire::{Code, Error, Service, error_document};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Takes the bytes for the bodies of requests to Walrus, and for text that answers carry.
pub fn xml(bytes: &[u8]) {
    if let Some(location) = walrus::location_constraint(bytes) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        assert!(location.len() <= 64 && location.bytes().all(plain), "{location:?}");
    }
    if let Some(keys) = walrus::keys_to_delete(bytes) {
        assert!((1..=1000).contains(&keys.len()));
        assert!(keys.iter().all(|key| key.len() <= 1024 && !key.contains('\0')), "{keys:?}");
    }
    if let Some(parts) = walrus::parts_to_complete(bytes) {
        assert!((1..=10_000).contains(&parts.len()) && parts.is_sorted_by(|a, b| a < b));
    }
    if let Some(ids) = walrus::lifecycle_rules(bytes) {
        assert!((1..=1000).contains(&ids.len()));
        let mut unique: Vec<_> = ids.iter().filter(|id| !id.is_empty()).collect();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "{ids:?}");
    }
    if let Some(written) =
        "000000000007".parse().ok().and_then(|id| walrus::rewritten_acl(bytes, id))
    {
        let again = "000000000007"
            .parse()
            .ok()
            .and_then(|id| walrus::rewritten_acl(written.as_bytes(), id));
        assert_eq!(again.as_ref(), Some(&written), "what is shown can be put again");
    }
    let text = String::from_utf8_lossy(bytes);
    let error = Error::new(Code::InvalidParameterValue, text.as_ref());
    for service in [Service::Ec2, Service::Sts, Service::Iam] {
        let (_, document) = error_document(service, &error, "id");
        assert_eq!(message(&document), text.replace(unwritable, "\u{fffd}"), "{document}");
    }
}

/// What XML 1.0 has no way to write (XML 1.0, 2.2).
fn unwritable(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// The text of the element Message, as a client reads it.
pub(crate) fn message(document: &str) -> String {
    let mut reader = Reader::from_str(document);
    let (mut open, mut message) = (String::new(), String::new());
    loop {
        match reader.read_event().expect("what is answered is well-formed") {
            Event::Start(tag) => open = tag.name().as_ref().to_owned(),
            Event::Text(text) if open == "Message" => message.push_str(&text),
            Event::GeneralRef(name) if open == "Message" => message.push(character(&name)),
            Event::End(_) => open.clear(),
            Event::Eof => return message,
            _ => {}
        }
    }
}

fn character(reference: &str) -> char {
    match reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "#13" => '\r',
        other => panic!("&{other}; is answered"),
    }
}
