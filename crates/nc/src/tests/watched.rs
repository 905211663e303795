use super::*;
use metrics::Watched;
use std::io::{self, Write};
use std::sync::Mutex;
use tracing_subscriber::fmt::MakeWriter;
use types::RequestId;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn what_is_done_for_an_instance_names_the_call_that_asked_for_it() {
    let log = Log::default();
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(lines);
    let mut world = World::new();
    let request = RequestId::new([7; 16]);
    world.bring_about(vec![InstanceDesired { request: Some(request), ..instance(ONE) }]).await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let about: Vec<_> = text.lines().filter(|line| line.contains(ONE)).collect();
    assert!(about.iter().any(|line| line.contains("its domain runs")), "{text}");
    for line in about {
        assert!(line.contains(&format!("request={request}")), "{line}");
    }
}

#[tokio::test]
async fn a_node_without_its_hypervisor_does_not_do_its_work() {
    let world = World::new();
    world.settle().await;
    assert_eq!(Watched::problems(world.nc()).await, Vec::<String>::new());
    world.hypervisor.set_reachable(false);
    world.nc().pass().await;
    assert_eq!(Watched::problems(world.nc()).await.len(), 1);
    world.hypervisor.set_reachable(true);
    world.nc().pass().await;
    assert_eq!(Watched::problems(world.nc()).await, Vec::<String>::new());
}
