//! How a bucket is listed, deleted and opened again while it grows to a million objects.

use crate::load::{Ask, Connection, load};
use crate::servers::{self, Server};
use bytes::Bytes;
use http::Method;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const STEPS: [usize; 4] = [1000, 10_000, 100_000, 1_000_000];
const TIME: Duration = Duration::from_secs(2);

pub(crate) async fn bear(data: &Path) {
    let mut server = Arc::new(servers::walrus(data));
    let bucket = Ask { method: Method::PUT, ..ask("/many") };
    Connection::open(&server).await.must(&bucket).await;
    println!(
        "| objects | put in | LIST 1000, 1 at once | LIST of 10 groups | memory | started again in |"
    );
    println!("|---|---|---|---|---|---|");
    let mut there = 0;
    for step in STEPS {
        let begun = Instant::now();
        put(&server, there, step).await;
        let put_in = begun.elapsed();
        there = step;
        let page = load(&server, 1, TIME, |_, at| {
            const PAGES: [&str; 4] = [
                "list-type=2",
                "list-type=2&start-after=3",
                "list-type=2&start-after=6",
                "list-type=2&start-after=9",
            ];
            Some(Ask { query: PAGES[at % 4], ..ask("/many") })
        });
        let page = page.await;
        let groups = load(&server, 1, TIME, |_, _| {
            Some(Ask { query: "delimiter=%2F&list-type=2", ..ask("/many") })
        });
        let groups = groups.await;
        let memory = server.memory_mb();
        drop(server);
        let begun = Instant::now();
        server = Arc::new(servers::walrus(data));
        Connection::open(&server).await.must(&ask("/many/0/0000000")).await;
        println!(
            "| {step} | {:.1} s | {:.2} ms | {:.2} ms | {memory} MB | {:.2} s |",
            put_in.as_secs_f64(),
            page.median_ms,
            groups.median_ms,
            begun.elapsed().as_secs_f64()
        );
    }
    delete(&server, there).await;
}

fn ask(path: &str) -> Ask {
    Ask { method: Method::GET, path: path.to_owned(), query: "", body: Bytes::new() }
}

/// Ten groups, filled alike.
fn key(at: usize) -> String {
    format!("{}/{at:07}", at % 10)
}

async fn put(server: &Arc<Server>, from: usize, to: usize) {
    let next = AtomicUsize::new(from);
    let forever = Duration::from_secs(3600);
    load(server, 64, forever, move |_, _| {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let body = Bytes::from_static(&[7; 100]);
        (at < to).then(|| Ask {
            method: Method::PUT,
            path: format!("/many/{}", key(at)),
            query: "",
            body,
        })
    })
    .await;
}

/// A thousand keys at a time, while somebody else looks at one object.
async fn delete(server: &Arc<Server>, there: usize) {
    let looks = load(server, 1, Duration::from_secs(10), |_, _| Some(ask("/many/9/0999999")));
    let looks = tokio::spawn({
        let quiet = looks.await;
        let server = Arc::clone(server);
        async move {
            let busy =
                load(&server, 1, Duration::from_secs(10), |_, _| Some(ask("/many/9/0999999")));
            (quiet, busy.await)
        }
    });
    let mut connection = Connection::open(server).await;
    let begun = Instant::now();
    for first in (0..there).step_by(1000) {
        let keys = (first..first + 1000).filter(|at| *at != 999_999);
        let keys: String =
            keys.map(|at| format!("<Object><Key>{}</Key></Object>", key(at))).collect();
        let body = Bytes::from(format!("<Delete><Quiet>true</Quiet>{keys}</Delete>"));
        let path = "/many".to_owned();
        connection.must(&Ask { method: Method::POST, path, query: "delete=", body }).await;
    }
    let took = begun.elapsed();
    let (quiet, busy) = looks.await.unwrap();
    println!(
        "\n{there} objects deleted in {:.1} s; a GET takes {:.2} ms before and {:.2} ms meanwhile",
        took.as_secs_f64(),
        quiet.median_ms,
        busy.median_ms
    );
}
