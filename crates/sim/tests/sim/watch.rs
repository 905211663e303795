//! `/metrics` and `/healthz` of every kind of process, over HTTP.

use metrics::{Sample, Watched, parse};
use sim::{Rng, Shape, SimCloud, run_isolated};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a process answers at a path: the status line, and the body.
async fn get(watched: &Arc<dyn Watched>, path: &str) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served =
        tokio::spawn(metrics::serve(listener, watched.clone(), async { drop(stopped.await) }));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    drop(stop);
    served.await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

struct Scrape(Vec<Sample>);

impl Scrape {
    async fn of(watched: &Arc<dyn Watched>) -> Self {
        let (status, body) = get(watched, "/metrics").await;
        assert_eq!(status, "HTTP/1.1 200 OK");
        Self(parse(&body).unwrap())
    }

    /// The number of this name that has these labels among its own.
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |own: &BTreeMap<String, String>| {
            labels.iter().all(|(name, value)| own.get(*name).is_some_and(|own| own == value))
        };
        let full = format!("eucalyptus_{name}");
        let found: Vec<_> = self.0.iter().filter(|it| it.name == full && has(&it.labels)).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?} in {:?}", self.0);
        found[0].value
    }
}

const GB: f64 = 1024.0 * 1024.0 * 1024.0;

#[test]
fn each_process_tells_what_it_did_and_how_it_is() {
    run_isolated(1, async {
        let mut world = SimCloud::new(&Shape::of(2, 4), &mut Rng::new(1)).await;
        let image = world.image();
        let run = [("ImageId", image.as_str()), ("MinCount", "3"), ("MaxCount", "3")];
        assert_eq!(world.call(0, "RunInstances", &run).await.unwrap().refusal(), None);
        let refused = world.call(0, "RunInstances", &[run[0], run[1], ("MaxCount", "1")]).await;
        assert_eq!(refused.unwrap().refusal(), Some("InvalidParameterValue"));
        for n in 0..50 {
            world.call(0, &format!("Steal{n}\"}}"), &[]).await;
        }
        world.come_to_rest().await.unwrap();

        let watched: BTreeMap<_, _> = world.watched().into_iter().collect();
        for (name, process) in &watched {
            let (status, body) = get(process, "/healthz").await;
            assert_eq!(status, "HTTP/1.1 200 OK", "{name}: {body}");
        }
        let cloud = Scrape::of(&watched["cloud"]).await;
        let request = |code| [("action", "RunInstances"), ("service", "ec2"), ("code", code)];
        assert_eq!(cloud.value("requests_total", &request("OK")), 1.0);
        assert_eq!(cloud.value("requests_total", &request("InvalidParameterValue")), 1.0);
        let unknown = [("action", "other"), ("code", "InvalidAction")];
        assert_eq!(cloud.value("requests_total", &unknown), 50.0);
        let took = [("action", "RunInstances")];
        assert_eq!(cloud.value("request_duration_seconds_count", &took), 2.0);
        assert_eq!(cloud.value("instances", &[("state", "running")]), 3.0);
        assert_eq!(cloud.value("cluster_reachable", &[]), 1.0);
        assert_eq!(cloud.value("cluster_lag_seconds", &[]), 0.0);
        for phase in ["accepted_to_running", "accepted_to_handed_over"] {
            let count = cloud.value("launch_phase_seconds_count", &[("phase", phase)]);
            assert_eq!(count, 3.0, "{phase}");
        }

        let cc = Scrape::of(&watched["cc"]).await;
        let first = world.watched()[2].0.clone();
        for scrape in [&cloud, &cc] {
            let node = [("node", first.as_str())];
            assert_eq!(scrape.value("node_reachable", &node), 1.0);
            assert_eq!(scrape.value("node_capacity_cores", &node), 4.0);
            assert_eq!(scrape.value("node_used_cores", &node), 3.0);
            let (has, used) = ("node_capacity_disk_bytes", "node_used_disk_bytes");
            assert_eq!(scrape.value(has, &node), 44.0 * GB);
            assert_eq!(scrape.value(used, &node), 33.0 * GB, "10 GB each, and 1 for its swap");
        }
        let told = [("phase", "received_to_told")];
        assert_eq!(cc.value("launch_phase_seconds_count", &told), 3.0);
        assert_eq!(cc.value("node_lag_seconds", &[("node", first.as_str())]), 0.0);
        assert!(cc.value("pass_duration_seconds_count", &[("loop", "placing")]) >= 1.0);

        let nc = Scrape::of(&watched[&first]).await;
        assert_eq!(nc.value("node_instances", &[("phase", "running")]), 3.0);
        assert_eq!(nc.value("node_used_memory_bytes", &[]), 3.0 * GB / 8.0);
        for phase in ["told_to_disks_ready", "disks_ready_to_domain_started"] {
            assert_eq!(nc.value("launch_phase_seconds_count", &[("phase", phase)]), 3.0);
        }
        assert!(nc.value("pass_duration_seconds_count", &[("loop", "pass")]) >= 1.0);
    });
}
