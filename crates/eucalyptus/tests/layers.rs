//! Dependencies point one way (ARCHITECTURE.md): a crate knows only crates of lower layers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use std::process::Command;

/// The layers, lowest first. A crate that is not named here fails the test: it must be placed.
const LAYERS: [(&str, &[&str]); 7] = [
    ("vocabulary", &["types", "durable"]),
    (
        "wire and protocol",
        &[
            "signature",
            "ec2-wire",
            "ws-security",
            "protocol",
            "bundle",
            "diskimage",
            "conf",
            "metrics",
        ],
    ),
    ("pure domain", &["placement", "netplan"]),
    ("adapters", &["state", "hostnet", "hypervisor", "disks", "transport"]),
    ("roles", &["walrus", "cloud", "cc", "nc", "console", "client", "euca-conf"]),
    ("simulated world", &["sim"]),
    ("binary", &["eucalyptus"]),
];

/// The dependencies within a layer: the cloud controller serves Walrus until Walrus is a process
/// of its own, and the console is the cloud controller's face for browsers.
const SIDEWAYS: [(&str, &str); 2] = [("cloud", "walrus"), ("console", "cloud")];

fn layer(name: &str) -> usize {
    let holds = |(_, members): &(&str, &[&str])| members.contains(&name);
    LAYERS.iter().position(holds).unwrap_or_else(|| panic!("{name} is in no layer; place it"))
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The names of a package's dependencies that are crates of this workspace.
fn ours(package: &Value) -> impl Iterator<Item = &str> {
    let is_ours = |d: &&Value| d["path"].is_string();
    package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_ours)
        .filter_map(|d| d["name"].as_str())
}

#[test]
fn dependencies_point_down() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 10, "the workspace was not read");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in ours(package) {
            // a crate may ask for features of its own in its tests
            let down = layer(dependency) < layer(name) || dependency == name;
            assert!(
                down || SIDEWAYS.contains(&(name, dependency)),
                "{name} ({}) may not depend on {dependency} ({})",
                LAYERS[layer(name)].0,
                LAYERS[layer(dependency)].0,
            );
        }
    }
}

#[test]
fn a_crate_is_called_as_its_folder() {
    for package in metadata()["packages"].as_array().unwrap() {
        let manifest = package["manifest_path"].as_str().unwrap();
        let expected = format!("/crates/{}/Cargo.toml", package["name"].as_str().unwrap());
        assert!(manifest.ends_with(&expected), "{manifest}");
    }
}
