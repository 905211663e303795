//! SOAP 1.1 around the same actions: how a body becomes parameters, and how a fault looks.

use crate::error::shown;
use crate::xml::{DECLARATION, Xml};
use crate::{Code, Error, Kind, Param, Service, Tree, Version};
use std::collections::BTreeSet;

/// What is in front of an answer, and behind it.
pub(crate) const BEGIN: &str = "<soapenv:Envelope \
     xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>";
pub(crate) const END: &str = "</soapenv:Body></soapenv:Envelope>";

/// The versions of SOAP's namespaces up to the last one that Eucalyptus' own tools asked for
/// (FACTS 8.1). Of later versions any date is taken, as with Query.
const BINDINGS: [Version; 16] = [
    Version::FIRST,
    Version::new(2006, 10, 1),
    Version::new(2007, 1, 3),
    Version::new(2007, 1, 19),
    Version::new(2007, 3, 1),
    Version::new(2007, 8, 29),
    Version::new(2008, 2, 1),
    Version::new(2008, 5, 5),
    Version::new(2008, 8, 8),
    Version::new(2008, 12, 1),
    Version::new(2009, 3, 1),
    Version::new(2009, 4, 4),
    Version::new(2009, 7, 15),
    Version::new(2009, 8, 15),
    Version::new(2009, 10, 31),
    Version::new(2009, 11, 30),
];

/// The version that a request's namespace names.
///
/// # Errors
/// `InvalidSOAPRequest` with the words in which 1.4 said it.
pub fn binding(namespace: &str) -> Result<Version, Error> {
    let date = namespace.strip_prefix("http://ec2.amazonaws.com/doc/");
    let date = date.and_then(|rest| rest.strip_suffix('/'));
    let version = date.and_then(|date| Version::parse(date).ok());
    let served = |version: &Version| *version > BINDINGS[15] || BINDINGS.contains(version);
    version.filter(served).ok_or_else(|| {
        let name = shown(namespace.strip_prefix("http://").unwrap_or(namespace));
        let name = name.trim_end_matches('/').replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let message = format!(
            "Binding '{name}' not found: the namespace of a request is \
             http://ec2.amazonaws.com/doc/VERSION/ with a VERSION from {} on",
            Version::FIRST
        );
        Error::new(Code::InvalidSoapRequest, message)
    })
}

/// An element of a SOAP body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its name without the namespace, which is that of the request.
    pub name: String,
    /// The text in it.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

/// The parameters of a request as Query names them, and the paths of those of its elements that
/// are none, fit for the log.
///
/// # Errors
/// `InvalidSOAPRequest` when an element that can be there once is there twice, and beyond the
/// limits of [`Tree::from_pairs`].
pub fn soap_tree(request: &Element, table: &[Param]) -> Result<(Tree, Vec<String>), Error> {
    let mut pairs = Vec::new();
    read(request, table, "", &mut pairs);
    let tree = Tree::from_pairs(&pairs)
        .map_err(|error| Error::new(Code::InvalidSoapRequest, error.message()))?;
    Ok((tree, unknown(request, table)))
}

fn read(element: &Element, table: &[Param], above: &str, pairs: &mut Vec<(String, String)>) {
    for param in table.iter().filter(|param| !param.soap.is_empty()) {
        let name = joined('.', above, param.query);
        match (param.kind, param.soap.split_once("/item")) {
            (Kind::Words(words), _) if param.soap == "*" => {
                let word = |child: &&Element| words.contains(&child.name.as_str());
                let named = element.children.iter().filter(word);
                pairs.extend(named.map(|child| (name.clone(), child.name.clone())));
            }
            (Kind::List(kind), Some((list, inner))) => {
                let items = element.at(list).flat_map(|list| list.called("item"));
                for (number, item) in (1..).zip(items) {
                    for found in item.at(inner.trim_start_matches('/')) {
                        value(found, *kind, format!("{name}.{number}"), pairs);
                    }
                }
            }
            _ => element.at(param.soap).for_each(|found| {
                value(found, param.kind, name.clone(), pairs);
            }),
        }
    }
}

fn value(found: &Element, kind: Kind, name: String, pairs: &mut Vec<(String, String)>) {
    match kind {
        Kind::Structure(table) => read(found, table, &name, pairs),
        _ => pairs.push((name, found.text.clone())),
    }
}

impl Element {
    fn called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The elements at a path below this one; this one at the empty path.
    fn at<'a>(&'a self, path: &'a str) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        match path.split_once('/') {
            _ if path.is_empty() => Box::new(std::iter::once(self)),
            None => Box::new(self.called(path)),
            Some((name, rest)) => Box::new(self.called(name).flat_map(move |it| it.at(rest))),
        }
    }

    /// The paths of the elements below this one that hold no others.
    fn leaves(&self, above: &str, found: &mut BTreeSet<String>) {
        for child in &self.children {
            let path = joined('/', above, &child.name);
            if child.children.is_empty() {
                found.insert(path);
            } else {
                child.leaves(&path, found);
            }
        }
    }
}

fn joined(between: char, above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}{between}{name}") }
}

fn unknown(request: &Element, table: &[Param]) -> Vec<String> {
    let mut known = BTreeSet::new();
    paths(table, "", &mut known);
    let mut leaves = BTreeSet::new();
    request.leaves("", &mut leaves);
    // an empty set is known where its items are
    let is_known = |leaf: &String| {
        let below = format!("{leaf}/");
        known.iter().any(|path| path == leaf || path.starts_with(&below))
    };
    leaves.iter().filter(|leaf| !is_known(leaf)).map(|leaf| shown(leaf)).collect()
}

fn paths(table: &[Param], above: &str, known: &mut BTreeSet<String>) {
    for param in table.iter().filter(|param| !param.soap.is_empty()) {
        let kind = match param.kind {
            Kind::List(item) => *item,
            kind => kind,
        };
        let path = joined('/', above, param.soap);
        match kind {
            Kind::Structure(inner) => paths(inner, &path, known),
            Kind::Words(words) if param.soap == "*" => {
                known.extend(words.iter().map(|word| joined('/', above, word)));
            }
            _ => {
                known.insert(path);
            }
        }
    }
}

/// The answer to a SOAP request that was refused or failed; its HTTP status is 500 (SOAP 1.1,
/// section 6.2), and the tools read no fault that comes with another one.
pub fn fault_document(error: &Error, request_id: &str) -> String {
    let mut xml = Xml::new(Version::DEFAULT);
    xml.open("soapenv:Fault");
    xml.text("faultcode", fault_code(Service::Ec2.code(error.code())));
    xml.text("faultstring", error.message());
    xml.element("detail", |xml| xml.text("RequestID", request_id));
    xml.close("soapenv:Fault");
    xml.behind(&format!("{DECLARATION}{BEGIN}")) + END
}

/// EC2's code behind the word for who could do something about it. The guides know a message
/// that has expired as a fault of the server without a code, and Amazon want of capacity as one
/// of the server.
fn fault_code(code: Code) -> String {
    let word = code.as_str();
    match code {
        Code::RequestExpired => "Server".to_owned(),
        Code::InsufficientInstanceCapacity | Code::InsufficientAddressCapacity => {
            format!("Server.{word}")
        }
        _ if code.status() >= 500 => format!("Server.{word}"),
        _ => format!("Client.{word}"),
    }
}

#[cfg(test)]
#[path = "soap_tests.rs"]
mod tests;
