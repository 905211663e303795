//! Against libvirt's own fake hypervisor. Real domains are in `tests/`.

use super::*;
use crate::DomainState;

fn fake() -> Libvirt {
    Libvirt::new("test:///default", Accelerator::Qemu)
}

#[test]
fn domains_and_capacity_are_read_through_libvirt() {
    let libvirt = fake();
    let name = "test".to_owned();
    let running = Domain { name, state: DomainState::Running, lasting: true, reboots: 0 };
    assert!(libvirt.domains().unwrap().contains(&running));
    let capacity = libvirt.capacity().unwrap();
    assert_eq!((capacity.cores, capacity.memory_mb, capacity.disk_gb), (16, 3072, 0));
}

#[test]
fn a_domain_that_is_not_there_is_destroyed_already_but_cannot_be_reset() {
    let (libvirt, id) = (fake(), InstanceId::from_bits(1));
    assert_eq!(libvirt.destroy(id), Ok(()));
    let error = libvirt.reset(id).unwrap_err().to_string();
    assert_eq!(error, "libvirt could not reset i-00000001: it does not run");
}

#[test]
fn a_libvirt_that_is_away_is_named_with_what_to_do() {
    for uri in ["qemu+unix:///system?socket=/nowhere/libvirt-sock", "nonsense:///", "a\0b"] {
        let error = Libvirt::new(uri, Accelerator::Qemu).domains().unwrap_err();
        let HypervisorError::Unreachable(message) = error else { panic!("{uri}: {error}") };
        assert!(message.starts_with(&format!("libvirt is not reachable at {uri}: ")), "{message}");
        assert!(message.contains("Is libvirtd running?"), "{message}");
    }
}

/// Killed between the start of a domain and its definition, or started by a version that made none.
#[test]
fn a_domain_without_a_lasting_definition_is_given_one() {
    let (libvirt, id) = (fake(), InstanceId::from_bits(0x2));
    let lasting = || {
        let domains = libvirt.domains().unwrap();
        domains.into_iter().find(|it| it.name == id.to_string()).map(|it| it.lasting)
    };
    assert_eq!(libvirt.keep(id), Ok(()), "there is none");
    let xml = format!(
        "<domain type='test'><name>{id}</name><memory unit='MiB'>64</memory><os><type>hvm</type></os>\
         </domain>"
    );
    let start = || libvirt.call("start it", |link| link.start_passing(&id.to_string(), &xml));
    start().unwrap();
    assert_eq!(lasting(), Some(false));
    assert_eq!((libvirt.keep(id), libvirt.keep(id)), (Ok(()), Ok(())));
    assert_eq!(lasting(), Some(true));
    assert_eq!((libvirt.destroy(id), lasting()), (Ok(()), None), "definition and all");
}

#[test]
fn one_connection_serves_many_threads() {
    let libvirt = fake();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    libvirt.domains().unwrap();
                }
            });
        }
    });
}
