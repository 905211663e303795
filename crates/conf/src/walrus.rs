//! The domains of Walrus: names below which a host names a bucket.

use crate::reader::Reader;
use std::net::Ipv4Addr;

/// More than an installation has names; a request is compared with each.
const MOST_DOMAINS: usize = 16;

/// WALRUS_DOMAINS. Without it: the cloud's host if it has a name, the same after `s3.`, and
/// `localhost`, below which every name is this machine on many systems.
pub(crate) fn domains(reader: &mut Reader<'_>, cloud_host: &str) -> Vec<String> {
    let right = "at most 16 names of hosts with blanks between, without addresses and ports, or \
                 none";
    let named = reader.optional("WALRUS_DOMAINS", right, |text| {
        if text == "none" {
            return Some(Vec::new());
        }
        let names: Option<Vec<String>> = text.split_whitespace().map(domain).collect();
        names.filter(|names| names.len() <= MOST_DOMAINS)
    });
    named.unwrap_or_else(|| {
        let host = domain(cloud_host).map(|host| [format!("s3.{host}"), host]);
        let mut domains: Vec<String> = host.into_iter().flatten().collect();
        domains.push("localhost".to_owned());
        domains.sort();
        domains.dedup();
        domains
    })
}

fn domain(text: &str) -> Option<String> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let label = |label: &str| {
        let ends = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len()) && ends && label.bytes().all(inner)
    };
    let is_name = text.len() <= 200 && text.split('.').all(label);
    (is_name && text.parse::<Ipv4Addr>().is_err()).then(|| text.to_ascii_lowercase())
}
