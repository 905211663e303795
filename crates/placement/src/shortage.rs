//! What to tell somebody whose instance fits nowhere.

use crate::Room;
use types::Figures;

/// Why `ask` fits on none of `nodes`, as a sentence that says how much there is.
pub fn shortage(nodes: &[Room], ask: &Figures) -> String {
    let wanted = format!("no node has room for {}", in_words(ask));
    match nodes.iter().max_by_key(|room| nearness(&room.free(), &room.cost(ask))) {
        None => format!("{wanted}: no node is available"),
        Some(most) => {
            let beside = match most.overhead.disk_gb {
                0 => String::new(),
                gb => format!(" (and {gb} GB for its swap and ephemeral partitions)"),
            };
            let most = most.free();
            let total = nodes.iter().fold(Figures::default(), |sum, room| sum.plus(&room.free()));
            format!(
                "{wanted}{beside}: the roomiest of {} has {} free, all together {}",
                nodes.len(),
                in_words(&most),
                in_words(&total)
            )
        }
    }
}

/// In how many dimensions there is room, then how much of them.
const fn nearness(free: &Figures, ask: &Figures) -> (u8, u64, u32, u64) {
    let enough = (free.cores >= ask.cores) as u8
        + (free.memory_mb >= ask.memory_mb) as u8
        + (free.disk_gb >= ask.disk_gb) as u8;
    (enough, free.memory_mb, free.cores, free.disk_gb)
}

fn in_words(figures: &Figures) -> String {
    let cores = if figures.cores == 1 { "core" } else { "cores" };
    format!(
        "{} {cores}, {} MB of memory and {} GB of disk",
        figures.cores, figures.memory_mb, figures.disk_gb
    )
}
