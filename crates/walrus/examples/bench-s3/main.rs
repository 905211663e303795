//! Walrus beside other S3 servers and a bare HTTP server: operations a second, time and the
//! server's CPU for one, as a table; `make bench-s3`. With `million` also how it bears a million
//! objects.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that fails should say so"
)]

mod ceiling;
mod cells;
mod load;
mod million;
mod servers;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match arguments[..] {
        ["ceiling", address] => runtime.block_on(ceiling::serve(address)),
        ["servers", data, peers] => {
            runtime.block_on(cells::compare(Path::new(data), Path::new(peers)));
        }
        ["million", data] => runtime.block_on(million::bear(Path::new(data))),
        _ => eprintln!("usage: scripts/bench-s3 [million]"),
    }
}
