//! `--list-nodes`: the nodes as a table.

use crate::error::ToolError;
use protocol::Standing;
use protocol::admin::NodeReport;
use std::io::Write;

const HEAD: [&str; 7] =
    ["NAME", "STATE", "CORES", "MEMORY MB", "DISK GB", "INSTANCES", "LAST SEEN"];

/// Writes a line for each node, and below the table what is wrong with any.
pub(super) fn write(reports: &[NodeReport], out: &mut dyn Write) -> Result<(), ToolError> {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(reports.iter().map(row));
    let width = |at: usize| rows.iter().map(|row| row[at].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    for NodeReport { status, .. } in reports {
        for problem in &status.problems {
            writeln!(out, "{}: {problem}", status.name)?;
        }
    }
    Ok(())
}

fn row(report: &NodeReport) -> [String; HEAD.len()] {
    let NodeReport { status, used, instances, .. } = report;
    let total = status.capacity;
    [
        status.name.to_string(),
        state(report),
        format!("{}/{}", used.cores, total.cores),
        format!("{}/{}", used.memory_mb, total.memory_mb),
        format!("{}/{}", used.disk_gb, total.disk_gb),
        instances.len().to_string(),
        status.last_seen.map_or_else(|| "never".to_owned(), |at| at.to_string()),
    ]
}

/// How the node is, then what it is used for.
fn state(report: &NodeReport) -> String {
    let status = &report.status;
    let contact = match status.last_seen {
        _ if status.reachable => "up".to_owned(),
        _ if report.certificate_refused => "certificate refused".to_owned(),
        Some(at) => format!("silent since {at}"),
        None => "never seen".to_owned(),
    };
    match status.standing {
        Standing::Accepting => contact,
        closed if status.reachable => closed.as_str().to_owned(),
        closed => format!("{contact}, {}", closed.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::NodeStatus;
    use types::{Figures, Timestamp};

    fn report(reachable: bool, standing: Standing, seen: bool, refused: bool) -> NodeReport {
        NodeReport {
            status: NodeStatus {
                name: "node1".parse().unwrap(),
                reachable,
                standing,
                certificate_ok: seen && !refused,
                last_seen: seen.then(|| Timestamp::from_millis(0)),
                capacity: Figures { cores: 8, memory_mb: 4096, disk_gb: 100 },
                overhead: Figures::default(),
                orphans: vec![],
                problems: vec![],
            },
            certificate_refused: refused,
            used: Figures { cores: 1, memory_mb: 128, disk_gb: 10 },
            instances: vec!["i-00000001".parse().unwrap()],
        }
    }

    #[test]
    fn a_state_says_how_a_node_is_and_what_it_is_used_for() {
        use Standing::{Accepting, Draining, Leaving};
        for (reachable, standing, seen, refused, expected) in [
            (true, Accepting, true, false, "up"),
            (true, Draining, true, false, "draining"),
            (true, Leaving, true, false, "leaving"),
            (false, Accepting, true, false, "silent since 1970-01-01T00:00:00.000Z"),
            (false, Leaving, true, false, "silent since 1970-01-01T00:00:00.000Z, leaving"),
            (false, Accepting, false, false, "never seen"),
            (false, Accepting, false, true, "certificate refused"),
            (false, Draining, true, true, "certificate refused, draining"),
        ] {
            assert_eq!(state(&report(reachable, standing, seen, refused)), expected);
        }
    }
}
