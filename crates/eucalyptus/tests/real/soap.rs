//! The quick start over SOAP alone, with a client whose signatures are not ours.

use crate::kills::wait_no_domain;
use crate::machine::must;
use crate::site::Site;
use std::path::Path;

/// Public addresses that lead to instances from the machine itself.
const POOL: &str = "VNET_PUBLICIPS=\"192.0.2.10-192.0.2.40\"\nVNET_INTERFACE=\"lo\"\n";

#[test]
fn the_quick_start_over_soap_in_both_documented_namespaces() {
    let site = Site::started_with(POOL);
    let emi = site.register_images();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../build/soap-client/bin/python3");
    assert!(python.exists(), "run: scripts/test-soap-client build/soap-client");
    let story = here.join("tests/real/soap_story.py");
    site.must("euca_conf", ["--add-user", "alice"]);
    site.credentials("alice");
    for (user, version, digest) in
        [("admin", "2008-05-05", "sha1"), ("alice", "2008-12-01", "sha256")]
    {
        let mut command = site.as_user(user, python.to_str().unwrap());
        command.args([story.to_str().unwrap(), version, digest, &emi]);
        assert!(must(command).trim().ends_with("done"), "{version}");
    }
    wait_no_domain(&site);
}
