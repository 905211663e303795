//! Measures the EC2 API of a simulated cloud beside that of moto's server; `scripts/bench-api`
//! starts the latter and runs this: `bench-api DIRECTORY [URL-OF-MOTO]`.
//!
//! The cloud is served by the shipped listener and router, and its components work as the daemons
//! do; its database and its cluster controller's memory are files below DIRECTORY, on a real disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark: it prints, and what cannot be measured is not"
)]

mod endpoint;
mod load;
mod table;

use endpoint::Endpoint;
use load::Measured;
use sim::{Rng, Shape, SimCloud};
use std::path::PathBuf;
use types::{Clock, SystemClock};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().expect("a directory"));
    let moto = arguments.next();

    // room for 4,096 instances on 64 nodes
    let shape = Shape { users: 3, ..Shape::of(64, 64) };
    let world = SimCloud::on_disk(&directory, &shape, &mut Rng::new(1)).await;
    let live = world.go_live().await;
    let now = world.clock().now();
    let user = |at: usize| {
        let user = &world.users()[at];
        Endpoint::new(live.address, &user.access_key, user.secret_key.expose(), now)
    };
    let ours = measure([user(0), user(1), user(2)], &world.image()).await;
    live.end().await;

    let theirs = match moto {
        Some(address) => {
            let now = SystemClock.now();
            let user = || Endpoint::new(address.parse().expect("HOST:PORT"), "key", "secret", now);
            let image = load::any_image(&user()).await;
            Some(measure([user(), user(), user()], &image).await)
        }
        None => None,
    };
    table::print(&ours, theirs.as_ref(), &load::synced_writes(&directory));
}

/// All measurements of one server. Where it knows users, the one whose 1,000 instances are
/// described, the one who launches one by one, and the one who launches many at once differ.
async fn measure([described, singles, many]: [Endpoint; 3], image: &str) -> Measured {
    load::launch(&described, image, 1000).await;
    load::wait_until_running(&described, 1000).await;
    let describe = load::describe_instances(&described).await;
    let small = load::small_describes(&described).await;
    let many_taken = load::launches_of_500(&many, image).await;
    load::wait_until_running(&many, load::MANY * 500).await;
    let singles = load::launches_at_a_rate(&singles, image).await;
    Measured { describe, small, many: many_taken, singles }
}
