//! What the processes tell of themselves on the machine (docs/metrics.md).

use crate::machine::wait_for;
use crate::site::Site;
use metrics::{Sample, parse};
use std::time::Duration;

/// How m1.small is made: cores, memory in bytes, disk in bytes.
const M1_SMALL: [(&str, f64); 3] =
    [("cores", 1.0), ("memory_bytes", 134_217_728.0), ("disk_bytes", 2_147_483_648.0)];

/// One process.
pub(crate) struct Watch<'a> {
    site: &'a Site,
    component: &'static str,
    port: u16,
}

impl<'a> Watch<'a> {
    pub(crate) fn of(site: &'a Site, component: &'static str) -> Self {
        let ports = [("cloud", 8780), ("cc", 8781), ("nc", 8782)];
        let port = ports.iter().find(|(name, _)| *name == component).unwrap().1;
        Self { site, component, port }
    }

    /// The status and the body of an answer.
    fn get(&self, path: &str) -> (String, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let said =
            self.site.machine().must("curl", ["-s", "-m", "10", "-w", "\n%{http_code}", &url]);
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.to_owned(), body.to_owned())
    }

    /// Waits until `/healthz` has this status and these words.
    pub(crate) fn wait_health(&self, status: &str, words: &str) {
        let what = format!("{} to be {status} with {words:?}", self.component);
        wait_for(&what, Duration::from_secs(90), || {
            let (now, body) = self.get("/healthz");
            (now == status && body.contains(words)).then_some(())
        });
    }

    fn samples(&self) -> Vec<Sample> {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, "200", "{text}");
        parse(&text).unwrap()
    }

    /// The number of the one series with this name and this label.
    pub(crate) fn sample(&self, name: &str, label: (&str, &str)) -> f64 {
        let samples = self.samples();
        let name = format!("eucalyptus_{name}");
        let is_it = |sample: &&Sample| {
            sample.name == name && sample.labels.get(label.0).is_some_and(|it| it == label.1)
        };
        let found: Vec<_> = samples.iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{}: {name} {label:?}: {samples:?}", self.component);
        found[0].value
    }

    /// How many m1.small are free, and how many there can be, by the gauges of the only node.
    pub(crate) fn room_of_m1_small(&self) -> (u32, u32) {
        let samples = self.samples();
        let gauge = |kind: &str, figure: &str| {
            let name = format!("eucalyptus_node_{kind}_{figure}");
            samples
                .iter()
                .filter(|sample| sample.name == name)
                .map(|sample| sample.value)
                .sum::<f64>()
        };
        let fit = |left: &dyn Fn(&str) -> f64| {
            let fits = M1_SMALL.map(|(figure, each)| (left(figure) / each).floor());
            fits.into_iter().fold(f64::INFINITY, f64::min).max(0.0) as u32
        };
        let free = fit(&|figure| gauge("capacity", figure) - gauge("used", figure));
        (free, fit(&|figure| gauge("capacity", figure)))
    }
}

/// The same, as `euca-describe-availability-zones verbose` has it.
pub(crate) fn room_of_m1_small(site: &Site) -> (u32, u32) {
    let said = site.tool("admin", "euca-describe-availability-zones", ["verbose"]);
    let line = said.lines().find(|line| line.contains("m1.small")).unwrap();
    let numbers: Vec<u32> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    (numbers[0], numbers[1])
}
