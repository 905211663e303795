//! What is measured.

use crate::endpoint::{Connection, Endpoint};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How often DescribeInstances is measured.
const DESCRIBES: usize = 40;
/// How often RunInstances of many is measured.
pub(crate) const MANY: usize = 3;
/// Launches at a rate: so many, so far apart.
const SINGLES: usize = 1000;
const APART: Duration = Duration::from_millis(10);
/// How often the disk is measured.
const SYNCED: usize = 200;
/// Connections of the load.
const CONNECTIONS: usize = 32;
/// Connections and duration of the small Describes.
const SMALL_CONNECTIONS: usize = 8;
const SMALL_FOR: Duration = Duration::from_secs(5);

/// What one server did.
pub(crate) struct Measured {
    /// DescribeInstances of 1,000 instances: each call.
    pub(crate) describe: Vec<Duration>,
    /// Small Describes in a second.
    pub(crate) small: f64,
    /// RunInstances of 500: each call.
    pub(crate) many: Vec<Duration>,
    /// RunInstances of one: each call, from the moment when it was due.
    pub(crate) singles: Singles,
}

/// Launches at a rate.
pub(crate) struct Singles {
    pub(crate) latencies: Vec<Duration>,
    /// How many were answered in a second.
    pub(crate) rate: f64,
}

/// An image that the server has.
pub(crate) async fn any_image(endpoint: &Endpoint) -> String {
    let answer = endpoint.connection().call("DescribeImages", &[]).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (_, rest) = answer.split_once("<imageId>").expect("an image");
    rest.split('<').next().unwrap_or_default().to_owned()
}

/// Launches so many instances in the default group.
pub(crate) async fn launch(endpoint: &Endpoint, image: &str, count: usize) {
    run(&mut endpoint.connection(), image, count, None).await;
}

async fn run(connection: &mut Connection<'_>, image: &str, count: usize, group: Option<&str>) {
    let count = count.to_string();
    let mut parameters = vec![
        ("ImageId", image),
        ("MinCount", &count),
        ("MaxCount", &count),
        ("InstanceType", "m1.small"),
    ];
    parameters.extend(group.map(|group| ("SecurityGroup.1", group)));
    let answer = connection.call("RunInstances", &parameters).await;
    assert_eq!(items(&answer).to_string(), count, "instances were launched");
}

fn items(answer: &[u8]) -> usize {
    const ITEM: &[u8] = b"<instanceId>";
    answer.windows(ITEM.len()).filter(|part| *part == ITEM).count()
}

pub(crate) async fn wait_until_running(endpoint: &Endpoint, count: usize) {
    let mut connection = endpoint.connection();
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let answer = connection.call("DescribeInstances", &[]).await;
        let running = String::from_utf8_lossy(&answer).matches("<name>running</name>").count();
        if running >= count {
            return;
        }
        assert!(Instant::now() < until, "only {running} of {count} instances run");
        sleep(Duration::from_millis(200)).await;
    }
}

/// DescribeInstances of all, one after the other.
pub(crate) async fn describe_instances(endpoint: &Endpoint) -> Vec<Duration> {
    let mut connection = endpoint.connection();
    let mut taken = Vec::new();
    for _ in 0..DESCRIBES {
        let since = Instant::now();
        let answer = connection.call("DescribeInstances", &[]).await;
        taken.push(since.elapsed());
        assert!(items(&answer) >= 1000, "{} instances are described", items(&answer));
    }
    taken
}

/// DescribeKeyPairs of one key pair, by several connections at once.
pub(crate) async fn small_describes(endpoint: &Endpoint) -> f64 {
    endpoint.connection().call("CreateKeyPair", &[("KeyName", "bench")]).await;
    let since = Instant::now();
    let workers = (0..SMALL_CONNECTIONS).map(|_| {
        let endpoint = endpoint.clone();
        tokio::spawn(async move {
            let (mut connection, mut calls) = (endpoint.connection(), 0);
            while since.elapsed() < SMALL_FOR {
                connection.call("DescribeKeyPairs", &[("KeyName.1", "bench")]).await;
                calls += 1;
            }
            calls
        })
    });
    let mut calls = 0;
    for worker in workers.collect::<Vec<_>>() {
        calls += worker.await.expect("calls that succeed");
    }
    f64::from(calls) / since.elapsed().as_secs_f64()
}

pub(crate) async fn launches_of_500(endpoint: &Endpoint, image: &str) -> Vec<Duration> {
    let mut connection = endpoint.connection();
    let mut taken = Vec::new();
    for at in 0..MANY {
        let group = new_group(&mut connection, &format!("many{at}")).await;
        let since = Instant::now();
        run(&mut connection, image, 500, Some(&group)).await;
        taken.push(since.elapsed());
    }
    taken
}

async fn new_group(connection: &mut Connection<'_>, name: &str) -> String {
    let parameters = [("GroupName", name), ("GroupDescription", "of the benchmark")];
    connection.call("CreateSecurityGroup", &parameters).await;
    name.to_owned()
}

/// Launches of one instance each that are due at fixed times, whether or not the server is done
/// with those before: what it is late counts.
pub(crate) async fn launches_at_a_rate(endpoint: &Endpoint, image: &str) -> Singles {
    let group = new_group(&mut endpoint.connection(), "singles").await;
    let idle = Mutex::new((0..CONNECTIONS).map(|_| endpoint.connection()).collect::<Vec<_>>());
    let permits = Semaphore::new(CONNECTIONS);
    let begin = Instant::now() + Duration::from_millis(100);
    let one = async |at: usize| {
        let due = begin + APART * at as u32;
        sleep_until(due).await;
        let _permit = permits.acquire().await.expect("it is never closed");
        let mut connection = idle.lock().unwrap().pop().expect("one for each permit");
        run(&mut connection, image, 1, Some(&group)).await;
        idle.lock().unwrap().push(connection);
        due.elapsed()
    };
    let all = futures_util::future::join_all((0..SINGLES).map(one));
    let latencies = timeout(Duration::from_secs(600), all).await.expect("an end");
    let rate = SINGLES as f64 / begin.elapsed().as_secs_f64();
    Singles { latencies, rate }
}

/// What the disk below a directory takes for what every commit needs: a few pages, synced.
pub(crate) fn synced_writes(directory: &Path) -> Vec<Duration> {
    let mut file = File::create(directory.join("synced")).expect("a file");
    let pages = [7; 16 << 10];
    let mut one = || {
        let since = Instant::now();
        file.write_all(&pages).expect("a write");
        file.sync_data().expect("a sync");
        since.elapsed()
    };
    (0..SYNCED).map(|_| one()).collect()
}
