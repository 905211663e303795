//! What nodes have and what they have given.

use crate::{Book, Gauge};
use types::Figures;

const MB: f64 = 1024.0 * 1024.0;
const GB: f64 = 1024.0 * MB;

/// The capacity of nodes, and whether they answer.
#[derive(Debug, Clone)]
pub struct Rooms {
    reachable: Gauge,
    /// For cores, memory and disk: what there is and what is used.
    figures: [(Gauge, Gauge); 3],
}

/// A node's figures as they are shown: cores, bytes of memory and bytes of disk.
#[expect(clippy::cast_precision_loss, reason = "of bytes of memory nobody needs the last one")]
fn shown(figures: &Figures) -> [f64; 3] {
    [figures.cores.into(), figures.memory_mb as f64 * MB, figures.disk_gb as f64 * GB]
}

impl Rooms {
    /// Draws the handles from a book. `labels` name a node.
    pub fn of(book: &Book, labels: &'static [&'static str]) -> Self {
        let pair = |what: &str, words: &str| {
            let gauge = |name: &str, help: &str| {
                book.gauge(&format!("node_{name}_{what}"), &format!("{words} {help}"), labels)
            };
            (
                gauge("capacity", "that a node offers to instances"),
                gauge("used", "held by instances"),
            )
        };
        Self {
            reachable: book.gauge("node_reachable", "1 for a node that answers, else 0", labels),
            figures: [
                pair("cores", "Virtual processors"),
                pair("memory_bytes", "Memory"),
                pair("disk_bytes", "Disk"),
            ],
        }
    }

    /// Forgets all nodes.
    pub fn clear(&self) {
        self.reachable.clear();
        for (capacity, used) in &self.figures {
            capacity.clear();
            used.clear();
        }
    }

    /// Shows whether a node answers.
    pub fn reachable(&self, node: &[&str], is: bool) {
        self.reachable.set(node, f64::from(u8::from(is)));
    }

    /// Shows what a node has and what of it is used.
    pub fn room(&self, node: &[&str], capacity: &Figures, used: &Figures) {
        let values = shown(capacity).into_iter().zip(shown(used));
        for ((has, gave), (capacity, used)) in self.figures.iter().zip(values) {
            has.set(node, capacity);
            gave.set(node, used);
        }
    }
}
