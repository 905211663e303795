//! NODES and DRAINED_NODES, and what the cluster controller is asked about them.

use super::*;

impl Machine {
    /// Serves a cluster controller's socket for as long as the runtime lives: node1 has an
    /// instance, node2 has none.
    fn cluster(&self) -> tokio::runtime::Runtime {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let socket = self.path("var/run/eucalyptus/cc.sock");
        let listener = runtime.block_on(async { tokio::net::UnixListener::bind(socket).unwrap() });
        let nodes = || async { Json([report("node1", &["i-00000001"]), report("node2", &[])]) };
        let routes = Router::new().route("/v1/nodes", get(nodes));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        runtime
    }

    fn nodes(&self) -> (String, String) {
        let value = |variable| self.tool(&["-name", variable]).out.trim_end().to_owned();
        (value("NODES"), value("DRAINED_NODES"))
    }
}

fn report(name: &str, instances: &[&str]) -> NodeReport {
    let small = Figures { cores: 1, memory_mb: 128, disk_gb: 10 };
    NodeReport {
        status: NodeStatus {
            name: name.parse().unwrap(),
            reachable: instances.is_empty(),
            standing: Standing::Draining,
            certificate_ok: true,
            last_seen: Some(Timestamp::from_millis(0)),
            capacity: Figures { cores: 8, memory_mb: 4096, disk_gb: 100 },
            overhead: Figures::default(),
            orphans: vec![],
            problems: instances.iter().map(|_| "libvirt is not reachable".to_owned()).collect(),
        },
        certificate_refused: !instances.is_empty(),
        used: if instances.is_empty() { Figures::default() } else { small },
        instances: instances.iter().map(|id| id.parse().unwrap()).collect(),
    }
}

#[test]
fn nodes_are_registered_drained_and_deregistered_in_their_order() {
    let machine = Machine::set_up();
    let _cluster = machine.cluster();
    // What is called, and what NODES and DRAINED_NODES are then.
    for (flag, names, nodes, drained) in [
        ("--register-nodes", "node2 node1 node2", "localhost node2 node1", ""),
        ("--register-nodes", "node3 node1", "localhost node2 node1 node3", ""),
        ("--drain-nodes", "node2 node3", "localhost node2 node1 node3", "node2 node3"),
        ("--drain-nodes", "node2", "localhost node2 node1 node3", "node2 node3"),
        ("--undrain-nodes", "node3 node1", "localhost node2 node1 node3", "node2"),
        ("--deregister-nodes", "node2 node3", "localhost node1", ""),
        ("-nodes", "n4 n5", "n4 n5", ""),
    ] {
        let said = machine.tool(&[flag, names]);
        assert!(said.ok, "{flag} {names}: {said:?}");
        assert_eq!(machine.nodes(), (nodes.to_owned(), drained.to_owned()), "{flag} {names}");
    }
    assert!(machine.tool(&["--check"]).ok);
}

#[test]
fn a_node_that_is_named_twice_is_told_of_once() {
    let machine = Machine::set_up();
    let said = machine.tool(&["--register-nodes", "node1 node2 node1"]);
    let names: Vec<_> = said.out.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(names, ["node1", "node2"], "{said:?}");
}

#[test]
fn a_node_that_has_instances_is_not_deregistered_unless_forced() {
    let machine = Machine::set_up();
    let remove =
        |name, force: &[&str]| machine.tool(&[&["--deregister-nodes", name], force].concat());
    assert!(machine.tool(&["--register-nodes", "node1 node2"]).ok);
    let before = machine.conf();

    let cluster = machine.cluster();
    let said = remove("node2 node1", &[]);
    assert!(!said.ok && said.err.contains("node node1 has instances: i-00000001;"), "{said:?}");
    assert!(said.err.contains("--drain-nodes node1) and terminate these"), "{said:?}");
    assert_eq!(machine.conf(), before);
    assert!(remove("node1", &["--force"]).ok);
    assert_eq!(machine.nodes().0, "localhost node2");

    drop(cluster);
    let said = remove("node2", &[]);
    assert!(!said.ok && said.err.contains("eucalyptus start"), "{said:?}");
    assert!(said.err.contains("nothing was changed"), "{said:?}");
    assert_eq!(machine.nodes().0, "localhost node2");
    assert!(remove("node2", &["--force"]).ok);
    let said = remove("localhost", &["--force"]);
    assert!(!said.ok && said.err.contains("at least one node"), "{said:?}");
}

#[test]
fn what_is_not_in_nodes_cannot_be_drained_or_deregistered() {
    let machine = Machine::set_up();
    let before = machine.conf();
    for flag in ["--drain-nodes", "--undrain-nodes", "--deregister-nodes"] {
        let said = machine.tool(&[flag, "localhost elsewhere"]);
        assert!(!said.ok && said.err.contains("elsewhere is not in NODES"), "{flag}: {said:?}");
    }
    let many: Vec<String> = (0..1024).map(|at| format!("n{at}")).collect();
    let said = machine.tool(&["--register-nodes", &many.join(" ")]);
    assert!(!said.ok && said.err.contains("up to 1024"), "{said:?}");
    assert_eq!(machine.conf(), before);

    assert!(machine.tool(&["--drain-nodes", "localhost"]).ok);
    let said = machine.tool(&["-nodes", "n1"]);
    assert!(!said.ok && said.err.contains("DRAINED_NODES names localhost"), "{said:?}");
}

#[test]
fn the_nodes_are_shown_as_the_cluster_controller_knows_them_else_by_name() {
    let machine = Machine::set_up();
    assert!(machine.tool(&["-nodes", "node1 node2"]).ok);
    let said = machine.tool(&["--list-nodes"]);
    assert_eq!((said.ok, said.out.as_str()), (true, "node1\nnode2\n"));
    assert!(
        said.err.contains("only the names: the cluster controller cannot be asked"),
        "{said:?}"
    );

    let _cluster = machine.cluster();
    let said = machine.tool(&["--list-nodes"]);
    let expected = "\
NAME   STATE                          CORES  MEMORY MB  DISK GB  INSTANCES  LAST SEEN
node1  certificate refused, draining  1/8    128/4096   10/100   1          1970-01-01T00:00:00.000Z
node2  draining                       0/8    0/4096     0/100    0          1970-01-01T00:00:00.000Z
node1: libvirt is not reachable
";
    assert_eq!((said.out.as_str(), said.err.as_str()), (expected, ""));
}
