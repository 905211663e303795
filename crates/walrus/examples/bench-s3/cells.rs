//! What is measured of each server, and the table.

use crate::load::{Ask, Connection, Figures, load};
use crate::servers::{self, Server};
use bytes::Bytes;
use http::Method;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const TIME: Duration = Duration::from_secs(2);
/// Objects in the bucket that is listed, a hundredth of them in each group.
const LISTED: usize = 2000;

/// One row of the table: what, of which size, by how many workers.
type Cell = (String, Figures);

pub(crate) async fn compare(data: &Path, peers: &Path) {
    let mut columns = Vec::new();
    let start: [&dyn Fn() -> Server; 5] = [
        &|| servers::walrus(data),
        &|| servers::ceiling(data),
        &|| servers::seaweed(data, peers, true),
        &|| servers::seaweed(data, peers, false),
        &|| servers::rclone(data, peers),
    ];
    for start in start {
        let server = Arc::new(start());
        eprintln!("measuring {}", server.name);
        let cells = measure(&server).await;
        columns.push((server.name, server.synced, server.memory_mb(), cells));
    }
    println!("| operation | {} |", columns.iter().map(|it| it.0).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
    let row = |name: &str, cells: Vec<String>| println!("| {name} | {} |", cells.join(" | "));
    row("synced before a PUT is answered", columns.iter().map(|it| it.1.to_owned()).collect());
    for at in 0..columns[0].3.len() {
        let cell = |figures: &Figures| {
            let Figures { per_second, median_ms, cpu_us } = figures;
            let places = if *per_second < 10.0 { 1 } else { 0 };
            format!("{per_second:.places$}/s, {median_ms:.2} ms, {cpu_us:.0} µs")
        };
        row(&columns[0].3[at].0, columns.iter().map(|it| cell(&it.3[at].1)).collect());
    }
    row("memory afterwards", columns.iter().map(|it| format!("{} MB", it.2)).collect());
}

async fn measure(server: &Arc<Server>) -> Vec<Cell> {
    let mut cells = Vec::new();
    Connection::open(server).await.must(&bucket("objects")).await;
    for workers in [1, 16, 64] {
        small(server, 4 << 10, workers, &mut cells).await;
    }
    for workers in [1, 16, 64] {
        large(server, 64 << 10, workers, &mut cells).await;
    }
    for workers in [1, 16, 64] {
        large(server, 1 << 20, workers, &mut cells).await;
    }
    for workers in [1, 16] {
        large(server, 64 << 20, workers, &mut cells).await;
    }
    let mut connection = Connection::open(server).await;
    connection.must(&bucket("listed")).await;
    for at in 0..LISTED {
        let path = format!("/listed/{:02}/{at:05}", at % 100);
        let body = Bytes::from_static(b"x");
        connection.must(&Ask { method: Method::PUT, path, query: "", body }).await;
    }
    for (what, query, workers) in [
        ("LIST 1000", "list-type=2&max-keys=1000", 1),
        ("LIST 1000", "list-type=2&max-keys=1000", 16),
        ("LIST of 100 groups", "delimiter=%2F&list-type=2", 1),
    ] {
        let figures = load(server, workers, TIME, move |_, _| {
            Some(Ask { query, ..get("/listed".to_owned()) })
        });
        cells.push((format!("{what}, {workers} at once"), figures.await));
    }
    cells
}

fn bucket(name: &str) -> Ask {
    let path = format!("/{name}");
    Ask { method: Method::PUT, path, query: "", body: Bytes::new() }
}

fn get(path: String) -> Ask {
    Ask { method: Method::GET, path, query: "", body: Bytes::new() }
}

fn label(what: &str, size: usize, workers: usize) -> String {
    let size =
        if size < 1 << 20 { format!("{} KiB", size >> 10) } else { format!("{} MiB", size >> 20) };
    format!("{what} {size}, {workers} at once")
}

/// Every object is a new one; they are read and deleted afterwards.
async fn small(server: &Arc<Server>, size: usize, workers: usize, cells: &mut Vec<Cell>) {
    let body = Bytes::from(vec![7; size]);
    let path = move |at: usize| format!("/objects/{size}/{workers}-{at}");
    let put = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&put);
    let figures = load(server, workers, TIME, move |_, _| {
        let path = path(count.fetch_add(1, Ordering::Relaxed));
        Some(Ask { method: Method::PUT, path, query: "", body: body.clone() })
    });
    cells.push((label("PUT", size, workers), figures.await));
    // the number of the last ones may have been given out and not used
    let there = put.load(Ordering::Relaxed) - workers;
    for method in [Method::GET, Method::HEAD] {
        let asked = method.clone();
        let figures = load(server, workers, TIME, move |worker, at| {
            let at = (worker * 7919 + at * 31) % there;
            Some(Ask { method: asked.clone(), ..get(path(at)) })
        });
        cells.push((label(method.as_str(), size, workers), figures.await));
    }
    let next = AtomicUsize::new(0);
    let figures = load(server, workers, TIME, move |_, _| {
        let at = next.fetch_add(1, Ordering::Relaxed);
        (at < there).then(|| Ask { method: Method::DELETE, ..get(path(at)) })
    });
    cells.push((label("DELETE", size, workers), figures.await));
}

/// Each worker writes four objects over and over.
async fn large(server: &Arc<Server>, size: usize, workers: usize, cells: &mut Vec<Cell>) {
    let body = Bytes::from(vec![7; size]);
    let path = move |worker: usize, at: usize| format!("/objects/{size}/{worker}-{}", at % 4);
    let mut connection = Connection::open(server).await;
    for worker in 0..workers {
        let path = path(worker, 0);
        let put = Ask { method: Method::PUT, path, query: "", body: body.clone() };
        connection.must(&put).await;
    }
    let figures = load(server, workers, TIME, move |worker, at| {
        let path = path(worker, at);
        Some(Ask { method: Method::PUT, path, query: "", body: body.clone() })
    });
    cells.push((label("PUT", size, workers), figures.await));
    let figures = load(server, workers, TIME, move |worker, _| Some(get(path(worker, 0))));
    cells.push((label("GET", size, workers), figures.await));
    for worker in 0..workers {
        for at in 0..4 {
            let delete = Ask { method: Method::DELETE, ..get(path(worker, at)) };
            connection.ask(&delete).await;
        }
    }
}
