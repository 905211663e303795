//! The administrator's template of a domain, `libvirt.xml`.
//!
//! What `gen_libvirt_xml` was to 1.4 ("make changes to the XML that is generated for all images",
//! Upgrading, step 4): an XML document with tokens in capitals. A token is replaced where it stands
//! as a whole word in a text or an attribute, by a value that is escaped, or, where it is all the
//! text that there is, by an element of the built-in XML. What comes out must keep what holds the
//! cloud together: see [`check`].

mod tree;

use crate::domain_xml::{QemuUser, domain_xml};
use crate::{Accelerator, DomainSpec, HypervisorError, NicModel};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tree::{Child, Element};
use types::{DiskBus, Figures, InstanceId, MacAddr};

/// Tokens that stand for whole elements of the built-in XML: the token, the element above it (none
/// for the root) and its name.
const ELEMENTS: [(&str, Option<&str>, &str); 6] = [
    ("METADATA", None, "metadata"),
    ("SYSINFO", None, "sysinfo"),
    ("OS", None, "os"),
    ("CPU", None, "cpu"),
    ("DISKS", Some("devices"), "disk"),
    ("SECLABEL", None, "seclabel"),
];

/// What a file holds, if it is there, or what is wrong with it, for a person.
pub(crate) type Judged<T> = Result<Option<T>, String>;

/// A template file, which need not exist.
#[derive(Debug)]
pub(crate) struct Template {
    path: PathBuf,
    /// The text that was tried last, and what is wrong with it.
    tried: Mutex<Option<(String, Option<String>)>>,
}

type XmlFor<'a> = &'a dyn Fn(Option<QemuUser>) -> Result<String, HypervisorError>;

impl Template {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, tried: Mutex::new(None) }
    }

    /// The text of the file, if it is there, or what is wrong with it. A text is tried once: with
    /// the values of two instances, checked, and read by libvirt.
    ///
    /// # Errors
    /// When libvirt is away.
    pub(crate) fn tried(
        &self,
        accelerator: Accelerator,
        libvirt_reads: impl Fn(XmlFor<'_>) -> Result<(), HypervisorError>,
    ) -> Result<Judged<String>, HypervisorError> {
        let text = match self.read() {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(self.named(&error))),
        };
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, trouble)) = tried.as_ref().filter(|(before, _)| *before == text) {
            return Ok(trouble.clone().map_or(Ok(Some(text)), Err));
        }
        let mut trouble = None;
        for spec in samples() {
            let xml = |user| {
                let built_in = domain_xml(&spec, accelerator, user)?;
                fill(&text, &spec, &built_in).map_err(HypervisorError::Failed)
            };
            match libvirt_reads(&xml) {
                Ok(()) => {}
                Err(HypervisorError::Failed(problem)) => trouble = Some(self.named(&problem)),
                Err(away) => return Err(away),
            }
        }
        *tried = Some((text.clone(), trouble.clone()));
        Ok(trouble.map_or(Ok(Some(text)), Err))
    }

    /// The XML of a domain from a text that was tried. The file may have changed since.
    pub(crate) fn fill(
        &self,
        text: &str,
        spec: &DomainSpec,
        built_in: &str,
    ) -> Result<String, HypervisorError> {
        fill(text, spec, built_in).map_err(|problem| HypervisorError::Failed(self.named(&problem)))
    }

    fn read(&self) -> Result<Option<String>, String> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn named(&self, problem: &str) -> String {
        format!(
            "{}: {problem}. No instance is started here until it is repaired or removed; \
             `eucalyptus gen_libvirt_xml` prints one that works",
            self.path.display()
        )
    }
}

/// The built-in XML as a template to start from.
///
/// # Errors
/// Never for a program that was tested.
pub fn built_in(accelerator: Accelerator) -> Result<String, HypervisorError> {
    let failed = |problem: String| HypervisorError::Failed(problem);
    let [spec, _] = samples();
    let built_in = domain_xml(&spec, accelerator, Some(QemuUser { uid: 0, gid: 0 }))?;
    let mut root = Element::parse(&built_in).map_err(failed)?;
    let values: Vec<(&str, String)> = values(&spec, &root)
        .into_iter()
        .filter_map(|(token, value)| Some((token, value?)))
        // Their values are parts of the others, or come with the element that has them.
        .filter(|(token, _)| !["BASEPATH", "KERNEL", "RAMDISK"].contains(token))
        .collect();
    for (token, above, name) in ELEMENTS {
        let parent = match above {
            None => Some(&mut root),
            Some(above) => root.children.iter_mut().find_map(|child| match child {
                Child::Element(element) if element.name == above => Some(element),
                _ => None,
            }),
        };
        if let Some(parent) = parent {
            put_token(parent, name, token);
        }
    }
    put_values(&mut root, &values);
    let text = root.write().map_err(|error| failed(error.to_string()))?;
    Ok(format!("<!-- {HELP} -->\n{text}\n"))
}

const HELP: &str = "The XML of every instance's domain, as a template.
     Words in capitals are replaced; docs/libvirt-template.md says by what, and what may be changed.";

/// Replaces the first child of this name by a token, and drops the others.
fn put_token(parent: &mut Element, name: &str, token: &str) {
    let is_it = |child: &Child| matches!(child, Child::Element(it) if it.name == name);
    if let Some(first) = parent.children.iter().position(is_it) {
        parent.children[first] = Child::Text(token.to_owned());
        parent.children.retain(|child| !is_it(child));
    }
}

fn put_values(element: &mut Element, values: &[(&str, String)]) {
    let put = |text: &mut String| {
        if let Some((token, _)) = values.iter().find(|(_, value)| value == text) {
            *text = (*token).to_owned();
        }
    };
    element.attributes.iter_mut().for_each(|(_, value)| put(value));
    for child in &mut element.children {
        match child {
            Child::Text(text) => put(text),
            Child::Element(element) => put_values(element, values),
        }
    }
}

/// The tokens that stand for values; none for those that this instance has no value for.
fn values(spec: &DomainSpec, built_in: &Element) -> Vec<(&'static str, Option<String>)> {
    let path = |path: &PathBuf| path.to_str().map(str::to_owned);
    let own = spec.root.parent().and_then(|directory| directory.to_str()).map(str::to_owned);
    let text = |name: &str| built_in.only(name).and_then(Element::text).map(str::to_owned);
    vec![
        ("TYPE", built_in.attribute("type").map(str::to_owned)),
        ("NAME", Some(spec.id.to_string())),
        ("UUID", text("uuid")),
        ("MEMORY", Some(spec.figures.memory_mb.to_string())),
        ("VCPUS", Some(spec.figures.cores.to_string())),
        ("KERNEL", spec.kernel.as_ref().and_then(path)),
        ("RAMDISK", spec.ramdisk.as_ref().and_then(path)),
        ("BASEPATH", own),
        ("PRIVMACADDR", Some(spec.mac.to_string())),
        ("BRIDGEDEV", Some(spec.bridge.clone())),
        ("TAP", Some(spec.tap.clone())),
        ("CONSOLE", path(&spec.console)),
    ]
}

/// The XML of a domain from a template's text.
///
/// # Errors
/// With the line and the cause.
fn fill(template: &str, spec: &DomainSpec, built_in: &str) -> Result<String, String> {
    let built_in = Element::parse(built_in)?;
    let root = Element::parse(template)?;
    let filling = Filling { values: values(spec, &built_in), built_in: &built_in };
    let filled = filling.element(&root).ok_or("nothing is left of it")?;
    check::check(&filled, &built_in)?;
    filled.write().map_err(|error| error.to_string())
}

struct Filling<'a> {
    values: Vec<(&'static str, Option<String>)>,
    built_in: &'a Element,
}

impl Filling<'_> {
    /// None for an element that names a value which this instance does not have.
    fn element(&self, element: &Element) -> Option<Element> {
        let mut filled = Element { name: element.name.clone(), ..Element::default() };
        filled.line = element.line;
        for (name, value) in &element.attributes {
            filled.attributes.push((name.clone(), self.text(value)?));
        }
        for child in &element.children {
            match child {
                Child::Element(element) => {
                    filled.children.extend(self.element(element).map(Child::Element));
                }
                Child::Text(text) => self.put_text(text, &mut filled)?,
            }
        }
        Some(filled)
    }

    /// A text of tokens for elements becomes those; other texts stay texts.
    fn put_text(&self, text: &str, parent: &mut Element) -> Option<()> {
        let whole = |word: &str| ELEMENTS.iter().find(|(token, ..)| *token == word);
        if !text.split_whitespace().all(|word| whole(word).is_some()) {
            parent.children.push(Child::Text(self.text(text)?));
            return Some(());
        }
        for (_, above, name) in text.split_whitespace().filter_map(whole) {
            let from = above.map_or(Some(self.built_in), |above| self.built_in.only(above));
            let elements = from.into_iter().flat_map(|from| from.all(name));
            parent.children.extend(elements.cloned().map(Child::Element));
        }
        Some(())
    }

    /// The text with every whole word that is a token replaced.
    fn text(&self, text: &str) -> Option<String> {
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut filled = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(in_word) {
            let (before, from) = rest.split_at(start);
            let (word, after) = from.split_at(from.find(|c| !in_word(c)).unwrap_or(from.len()));
            filled.push_str(before);
            match self.values.iter().find(|(token, _)| *token == word) {
                Some((_, value)) => filled.push_str(value.as_ref()?),
                None => filled.push_str(word),
            }
            rest = after;
        }
        filled.push_str(rest);
        Some(filled)
    }
}

/// Two instances by whose values a template is tried: with a kernel and without, and with names
/// that have to be escaped.
fn samples() -> [DomainSpec; 2] {
    let id = InstanceId::from_bits(0x4EA3_05C1);
    let with_kernel = DomainSpec {
        id,
        figures: Figures { cores: 3, memory_mb: 509, disk_gb: 10 },
        root: "/sample/i-4EA305C1/root".into(),
        further_disks: vec![],
        bus: DiskBus::Virtio,
        vm_type: "m1.small".into(),
        root_device: "/dev/vda1".to_owned(),
        uefi: None,
        nic: NicModel::Virtio,
        kernel: Some("/sample/cache/kernel".into()),
        ramdisk: Some("/sample/cache/ramdisk".into()),
        mac: MacAddr::of_instance(id),
        bridge: "eucabr10".into(),
        tap: "tap4EA305C1".into(),
        console: "/sample/i-4EA305C1/console.log".into(),
    };
    let by_itself = DomainSpec {
        kernel: None,
        ramdisk: None,
        root: "/sample/<a> & \"b\" 'c'/root".into(),
        further_disks: vec!["/sample/<a> & \"b\" 'c'/swap".into()],
        console: "/sample/<a> & \"b\" 'c'/console.log".into(),
        ..with_kernel.clone()
    };
    [with_kernel, by_itself]
}

mod check;

#[cfg(test)]
mod tests;
