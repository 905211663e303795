//! Answers as XML: one buffer that is appended to, no tree.

use crate::{Action, Error, Response, Service, Version, soap};
use std::fmt::{self, Write};

pub(crate) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The XML of an answer, in the shape of the version that was asked for.
///
/// Element names are literals of this program; all text is escaped.
#[derive(Debug)]
pub struct Xml {
    out: String,
    version: Version,
}

impl Xml {
    /// An empty document for a version.
    pub const fn new(version: Version) -> Self {
        Self { out: String::new(), version }
    }

    /// The version that was asked for.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether the version that was asked for is this one or later: the gate for elements that
    /// older clients do not know.
    pub fn since(&self, year: u16, month: u8, day: u8) -> bool {
        self.version >= Version::new(year, month, day)
    }

    /// An element with text.
    pub fn text(&mut self, name: &'static str, value: impl fmt::Display) {
        self.open(name);
        // Writing into a String fails only if the value's own Display does.
        let _ = write!(Escaped(&mut self.out), "{value}");
        self.close(name);
    }

    /// An element with text, or none.
    pub fn maybe(&mut self, name: &'static str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// An element with elements in it.
    pub fn element(&mut self, name: &'static str, content: impl FnOnce(&mut Self)) {
        self.open(name);
        content(self);
        self.close(name);
    }

    /// An element without content.
    pub fn empty(&mut self, name: &'static str) {
        let _ = write!(self.out, "<{name}/>");
    }

    /// EC2's lists: an element with one `item` for each thing.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        things: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) {
        let mut things = things.into_iter().peekable();
        if things.peek().is_none() {
            return self.empty(name);
        }
        self.open(name);
        for thing in things {
            self.element("item", |xml| item(xml, thing));
        }
        self.close(name);
    }

    /// The beginning of an element whose end is in a later part of the answer.
    pub fn open(&mut self, name: &'static str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
    }

    /// The end of an element that was opened.
    pub fn close(&mut self, name: &'static str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// What was written, behind this.
    pub(crate) fn behind(self, begin: &str) -> String {
        begin.to_owned() + &self.out
    }
}

/// Writes text so that XML can carry it. What XML 1.0 has no way to write becomes U+FFFD.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            let Some(escape) = escape(c) else { continue };
            self.0.push_str(&text[plain..at]);
            self.0.push_str(escape);
            plain = at + c.len_utf8();
        }
        self.0.push_str(&text[plain..]);
        Ok(())
    }
}

const fn escape(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&apos;"),
        '\r' => Some("&#13;"),
        '\n' | '\t' => None,
        '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => Some("\u{fffd}"),
        _ => None,
    }
}

/// The answer to an action: `<XResponse>` in the namespace of the service and, for EC2, of the asked
/// version, with the request id where that version has one. Gives it part by part.
#[derive(Debug)]
pub struct Document<A: Action> {
    version: Version,
    request_id: String,
    response: A::Output,
    next: usize,
    soap: bool,
}

impl<A: Action> Document<A> {
    /// The answer in the shape of a version.
    pub fn new(version: Version, request_id: &str, response: A::Output) -> Self {
        Self { version, request_id: request_id.to_owned(), response, next: 0, soap: false }
    }

    /// The same as the body of a SOAP message, or as it is.
    #[must_use]
    pub fn in_soap(self, soap: bool) -> Self {
        Self { soap, ..self }
    }

    fn head(&self, xml: &mut Xml) {
        xml.out.push_str(DECLARATION);
        if self.soap {
            xml.out.push_str(soap::BEGIN);
        }
        let (action, namespace) = (A::NAME, A::SERVICE.namespace(self.version));
        let _ = write!(xml.out, "<{action}Response xmlns=\"{namespace}\">");
        if A::SERVICE != Service::Ec2 {
            let _ = write!(xml.out, "<{action}Result>");
        } else if self.version >= Version::new(2008, 12, 1) {
            xml.text("requestId", &self.request_id);
        }
    }

    fn tail(&self, xml: &mut Xml) {
        let action = A::NAME;
        if A::SERVICE != Service::Ec2 {
            let _ = write!(xml.out, "</{action}Result>");
            xml.element("ResponseMetadata", |xml| xml.text("RequestId", &self.request_id));
        }
        let _ = write!(xml.out, "</{action}Response>");
        if self.soap {
            xml.out.push_str(soap::END);
        }
    }
}

impl<A: Action> Iterator for Document<A> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let (part, parts) = (self.next, self.response.parts());
        if part >= parts {
            return None;
        }
        self.next += 1;
        let mut xml = Xml::new(self.version);
        if part == 0 {
            self.head(&mut xml);
        }
        self.response.encode_part(&mut xml, part);
        if self.next == parts {
            self.tail(&mut xml);
        }
        Some(xml.out)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.response.parts() - self.next;
        (left, Some(left))
    }
}

/// The answer to a Query request that was refused or failed, with the HTTP status that goes with
/// it.
pub fn error_document(service: Service, error: &Error, request_id: &str) -> (u16, String) {
    let mut xml = Xml::new(Version::DEFAULT);
    xml.out.push_str(DECLARATION);
    let code = service.code(error.code());
    if service == Service::Ec2 {
        xml.element("Response", |xml| {
            xml.element("Errors", |xml| {
                xml.element("Error", |xml| {
                    xml.text("Code", code.as_str());
                    xml.text("Message", error.message());
                });
            });
            xml.text("RequestID", request_id);
        });
    } else {
        let namespace = service.namespace(Version::DEFAULT);
        let _ = write!(xml.out, "<ErrorResponse xmlns=\"{namespace}\">");
        xml.element("Error", |xml| {
            xml.text("Type", if code.status() < 500 { "Sender" } else { "Receiver" });
            xml.text("Code", code.as_str());
            xml.text("Message", error.message());
        });
        xml.text("RequestId", request_id);
        xml.out.push_str("</ErrorResponse>");
    }
    (code.status(), xml.out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Return, parameters};

    parameters! {
        struct None {}
    }

    struct RebootInstances;

    impl Action for RebootInstances {
        const NAME: &'static str = "RebootInstances";
        const DOC: &'static str = "";
        type Input = None;
        type Output = Return;
    }

    struct DeleteUser;

    impl Action for DeleteUser {
        const NAME: &'static str = "DeleteUser";
        const DOC: &'static str = "";
        const SERVICE: Service = Service::Iam;
        type Input = None;
        type Output = Return;
    }

    fn body(write: impl FnOnce(&mut Xml)) -> String {
        let mut xml = Xml::new(Version::DEFAULT);
        write(&mut xml);
        xml.out
    }

    #[test]
    fn text_is_escaped_and_what_xml_cannot_carry_is_replaced() {
        let out = body(|xml| xml.text("a", "<b c=\"d\">&'\u{0}\u{1b}\r\n\u{ffff}é"));
        let expect = "<a>&lt;b c=&quot;d&quot;&gt;&amp;&apos;\u{fffd}\u{fffd}&#13;\n\u{fffd}é</a>";
        assert_eq!(out, expect);
    }

    #[test]
    fn lists_have_items_and_an_empty_one_is_an_empty_element() {
        assert_eq!(
            body(|xml| xml.list("s", [1, 2], |xml, n| xml.text("n", n))),
            "<s><item><n>1</n></item><item><n>2</n></item></s>"
        );
        assert_eq!(body(|xml| xml.list("s", [0; 0], |xml, n| xml.text("n", n))), "<s/>");
    }

    #[test]
    fn the_answer_is_in_the_namespace_that_was_asked_for() {
        let answer =
            |version| Document::<RebootInstances>::new(version, "r1", Return(true)).next().unwrap();
        assert_eq!(
            answer(Version::new(2016, 11, 15)),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<RebootInstancesResponse \
             xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r1</requestId>\
             <return>true</return></RebootInstancesResponse>"
        );
        assert!(!answer(Version::new(2008, 5, 5)).contains("requestId"));
    }

    #[test]
    fn errors_have_the_form_that_every_client_parses() {
        let error = Error::new(Code::InvalidKeyPairNotFound, "no <key>").because("secret cause");
        let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>\
             <Code>InvalidKeyPair.NotFound</Code><Message>no &lt;key&gt;</Message></Error>\
             </Errors><RequestID>r1</RequestID></Response>";
        assert_eq!(error_document(Service::Ec2, &error, "r1"), (400, document.to_owned()));
    }

    #[test]
    fn sts_and_iam_have_documents_of_their_own() {
        let answer = Document::<DeleteUser>::new(Version::new(2016, 11, 15), "r1", Return(true))
            .next()
            .unwrap();
        assert_eq!(
            answer,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DeleteUserResponse \
             xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><DeleteUserResult>\
             <return>true</return></DeleteUserResult><ResponseMetadata><RequestId>r1</RequestId>\
             </ResponseMetadata></DeleteUserResponse>"
        );
        let error = Error::new(Code::AuthFailure, "no");
        let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ErrorResponse \
             xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>AccessDenied</Code><Message>no</Message></Error><RequestId>r1</RequestId>\
             </ErrorResponse>";
        assert_eq!(error_document(Service::Sts, &error, "r1"), (403, document.to_owned()));
    }
}
