//! Termination gives back all that a launch took.

use crate::machine::wait_for;
use crate::site::Site;
use std::path::Path;
use std::time::Duration;

/// Everything on the machine that a launch may take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) domains: Vec<String>,
    pub(crate) links: Vec<String>,
    addresses: Vec<String>,
    rules: Vec<String>,
    disks: Vec<String>,
    capacity: Vec<String>,
}

impl Held {
    pub(crate) fn now(site: &Site) -> Self {
        let machine = site.machine();
        let words = |text: String, at: usize| {
            let mut found: Vec<String> = text
                .lines()
                .filter_map(|l| l.split_whitespace().nth(at).map(str::to_owned))
                .collect();
            found.sort();
            found
        };
        let capacity = site.tool("admin", "euca-describe-availability-zones", ["verbose"]);
        let types = capacity.lines().filter(|line| line.contains(" / "));
        Self {
            domains: site.domains(),
            links: words(machine.must("ip", ["-o", "link"]), 1),
            addresses: words(machine.must("ip", ["-o", "-4", "address"]), 3),
            rules: parts(&machine.must("nft", ["--stateless", "list", "ruleset"])),
            disks: disks(&site.root().join("var/eucalyptus/instances")),
            capacity: types.map(str::to_owned).collect(),
        }
    }
}

/// The chains, sets and maps of a listing, each behind the name of its table. The kernel lists them
/// in the order in which they came, which is no part of what they say.
fn parts(listing: &str) -> Vec<String> {
    let mut table = "";
    let mut parts = Vec::new();
    for line in listing.lines() {
        if line.starts_with("table ") {
            table = line;
        } else if line.starts_with('\t') && !line.starts_with("\t\t") && line.ends_with('{') {
            parts.push(format!("{table}{line}"));
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line);
        }
    }
    parts.iter_mut().for_each(|part| *part = part.trim_end_matches('}').to_owned());
    parts.sort();
    parts
}

/// The files below INSTANCE_PATH but the image cache, the journal and consoles, which stay for
/// an hour.
fn disks(below: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![below.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            match entry.file_type().unwrap().is_dir() {
                true if path != below.join("eucalyptus") => open.push(path),
                false if !["instance.json", "console.log"].contains(&name.as_str()) => {
                    found.push(path.display().to_string());
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn termination_gives_everything_back() {
    let site = Site::started();
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    // the first launch fills the image cache and makes the (then empty) tables
    let warm = site.run_instance("admin", &emi, &key);
    site.wait_state("admin", &warm, "running");
    site.tool("admin", "euca-terminate-instances", [&warm]);
    site.wait_state("admin", &warm, "terminated");
    wait_for("the first instance's things to go", Duration::from_secs(30), || {
        let held = Held::now(&site);
        (held.domains.is_empty() && !held.links.iter().any(|l| l.starts_with("eucabr")))
            .then_some(())
    });
    let before = Held::now(&site);

    let id = site.run_instance("admin", &emi, &key);
    let ip = site.wait_state("admin", &id, "running")[4].clone();
    site.wait_ssh(&key, &ip, "true");
    let during = Held::now(&site);
    assert_eq!(during.domains, [id.as_str()]);
    assert!(during.links.iter().any(|link| link.starts_with("tap")), "{during:?}");
    assert!(during.links.iter().any(|link| link.starts_with("eucabr10")), "{during:?}");
    assert!(during.rules.iter().any(|part| part.contains(&ip)), "{:?}", during.rules);
    assert!(!during.disks.is_empty());
    assert_ne!(during.capacity, before.capacity);

    site.tool("admin", "euca-terminate-instances", [&id]);
    site.wait_state("admin", &id, "terminated");
    let what = "everything to be as before";
    let mut last = during;
    wait_for(what, Duration::from_secs(30), || {
        last = Held::now(&site);
        (last == before).then_some(())
    });
    let console = site.tool("admin", "euca-get-console-output", [&id]);
    assert!(console.contains("BEGIN SSH HOST KEY"), "the console stays for an hour: {console}");
}
