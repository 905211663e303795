//! The README's tour, typed as it stands there: every command of its blocks is run.

use crate::machine::{must, wait_for};
use crate::site::{Site, client};
use std::time::Duration;

/// The commands of the README's block that holds `mark`, comments stripped.
fn block(mark: &str) -> Vec<String> {
    let text = include_str!("../../../../README.md");
    let blocks = text.split("\n```\n").skip(1).step_by(2);
    let block = blocks.into_iter().find(|block| block.contains(mark)).unwrap();
    let lines = block.lines().map(|line| line.split("  #").next().unwrap().trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Runs one line of the README in a shell with the user's credentials, in `dir`.
fn typed(site: &Site, user: &str, dir: &str, line: &str) -> String {
    let clients = client("aws");
    let clients = clients.trim_end_matches("/aws");
    let mut shell = site.as_user(user, "bash");
    shell.args(["-ec", &format!("cd {dir}; PATH={clients}:$PATH; {line}")]);
    must(shell)
}

#[test]
fn the_tour_of_the_readme_works_as_it_stands() {
    let site = Site::started();
    let emi = site.register_images();
    let home = site.machine().dir().to_str().unwrap().to_owned();
    let (mut id, mut address) = (String::new(), String::new());
    for line in block("euca-run-instances") {
        if line.starts_with(". ") {
            continue; // the credentials lie elsewhere in a test, and are sourced already
        }
        let line = line
            .replace("emi-XXXXXXXX", &emi)
            .replace("i-XXXXXXXX", &id)
            .replace("ADDRESS", &address);
        if line.starts_with("ssh ") {
            let options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
                           -o ConnectTimeout=5 -o BatchMode=yes";
            let line = line.replacen("ssh ", &format!("ssh {options} "), 1) + " uname -a || true";
            wait_for("ssh as the README types it", Duration::from_secs(180), || {
                typed(&site, "admin", &home, &line).starts_with("Linux").then_some(())
            });
            continue;
        }
        let said = typed(&site, "admin", &home, &line);
        if line.starts_with("euca-run-instances") {
            let row = said.lines().find(|row| row.starts_with("INSTANCE\t")).unwrap();
            id = row.split('\t').nth(1).unwrap().to_owned();
            address = site.wait_state("admin", &id, "running")[4].clone();
        }
    }
    site.wait_state("admin", &id, "terminated");

    for line in block("aws ec2 describe-instances") {
        let line = line.replace("emi-XXXXXXXX", &emi);
        typed(&site, "admin", &home, &line);
    }
    for line in block("euca_conf --add-user alice") {
        typed(&site, "admin", &home, &line);
    }
}
