//! What must hold of a domain, whatever a template says.

use super::tree::Element;

/// Checks a filled template against the built-in XML of the same instance: what names it, what it
/// was given, what keeps it apart from others, and where its console is.
///
/// # Errors
/// With the line and what has to stand there.
pub(super) fn check(domain: &Element, built_in: &Element) -> Result<(), String> {
    must(domain.name == "domain", domain, "the root element must be <domain>")?;
    let kind = domain.attribute("type") == built_in.attribute("type");
    must(kind, domain, "the domain's type must be TYPE")?;
    same_text(domain, built_in, "name", "NAME")?;
    same_text(domain, built_in, "uuid", "UUID")?;
    same_text(domain, built_in, "memory", "MEMORY")?;
    same_text(domain, built_in, "vcpu", "VCPUS")?;
    let memory = domain.only("memory").unwrap_or(domain);
    must(memory.attribute("unit") == Some("MiB"), memory, "the unit of <memory> must be MiB")?;
    for name in ["on_poweroff", "on_reboot", "on_crash"] {
        let wanted = built_in.only(name).and_then(Element::text).unwrap_or_default();
        let found = domain.only(name).and_then(Element::text);
        must(found == Some(wanted), domain, &format!("<{name}> must be {wanted}"))?;
    }
    same_labels(domain, built_in)?;
    let command_line = domain.elements().find(|it| it.name.contains(':'));
    if let Some(element) = command_line {
        let text = format!("<{}> cannot be checked and is not allowed", element.name);
        return must(false, element, &text);
    }
    devices(domain, built_in)
}

/// Who owns the files of a domain is libvirt's choice unless the built-in labels are kept.
fn same_labels(domain: &Element, built_in: &Element) -> Result<(), String> {
    let dac = |it: &&Element| it.attribute("model") == Some("dac");
    let wanted = built_in.all("seclabel").find(dac);
    let mut found = domain.all("seclabel").filter(dac);
    let same = match (found.next(), wanted) {
        (None, None) => true,
        (Some(found), Some(wanted)) => found.says_the_same(wanted),
        _ => false,
    };
    must(same && found.next().is_none(), domain, "SECLABEL must stand in it, once")
}

fn devices(domain: &Element, built_in: &Element) -> Result<(), String> {
    let (Some(found), Some(wanted)) = (domain.only("devices"), built_in.only("devices")) else {
        return must(false, domain, "there must be one <devices>");
    };
    for disk in wanted.all("disk") {
        let is_there = found.all("disk").any(|it| source(it, "file") == source(disk, "file"));
        must(is_there, found, "the instance's disks are missing: DISKS must stand in <devices>")?;
    }
    let once = "there must be one <interface> and no other way to a network";
    let interface = found.only("interface").ok_or_else(|| at(found, once))?;
    let ours = wanted.only("interface").ok_or("the built-in XML has no interface")?;
    for (name, attribute, token) in [
        ("mac", "address", "PRIVMACADDR"),
        ("source", "bridge", "BRIDGEDEV"),
        ("target", "dev", "TAP"),
    ] {
        let value = |it: &Element| Some(it.only(name)?.attribute(attribute)?.to_owned());
        let text = format!("<{name} {attribute}=…> of the interface must be {token}");
        must(value(interface) == value(ours), interface, &text)?;
    }
    must(
        interface.attribute("type") == Some("bridge"),
        interface,
        "the interface must be a bridge's",
    )?;
    let network_card = |it: &&Element| it.only("source").is_some_and(|it| it.only("mac").is_some());
    let mut passed_through = found.all("hostdev").filter(network_card);
    if let Some(second) = passed_through.next() {
        return must(false, second, once);
    }
    console(found, wanted)
}

/// The first serial port, or Xen's console, is written to the instance's own file, and no other.
fn console(found: &Element, wanted: &Element) -> Result<(), String> {
    let is_port = |it: &&Element| matches!(it.name.as_str(), "serial" | "console" | "parallel");
    let to = |it: &Element| source(it, "path").map(str::to_owned);
    let ours = wanted.elements().filter(is_port).find_map(to);
    let mut ports = found.elements().filter(is_port);
    let first = ports.next().ok_or_else(|| at(found, "there must be a console to CONSOLE"))?;
    let appends = first.only("source").and_then(|it| it.attribute("append")) == Some("on");
    let right = first.attribute("type") == Some("file") && to(first) == ours && appends;
    must(right, first, "the first serial port must be a file at CONSOLE, with append=\"on\"")?;
    match ports.find(|it| it.attribute("type") == Some("file")) {
        Some(second) => must(false, second, "only the first serial port may be a file"),
        None => Ok(()),
    }
}

fn source<'a>(device: &'a Element, attribute: &str) -> Option<&'a str> {
    device.only("source")?.attribute(attribute)
}

fn same_text(domain: &Element, built_in: &Element, name: &str, token: &str) -> Result<(), String> {
    let text = |it: &Element| it.only(name).and_then(Element::text).map(str::to_owned);
    must(
        text(domain) == text(built_in),
        domain,
        &format!("<{name}> must stand in it once, with {token}"),
    )
}

fn must(holds: bool, element: &Element, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(at(element, otherwise)) }
}

fn at(element: &Element, problem: &str) -> String {
    format!("line {}: {problem}", element.line)
}
