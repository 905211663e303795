//! What a person can do about an error of libvirt.

use std::fmt::Display;

/// What libvirt says, in part, and what helps.
const REMEDIES: [(&str, &str); 7] = [
    (
        "domaintype=kvm",
        "this machine cannot run guests under KVM: set HYPERVISOR=\"qemu\" in eucalyptus.conf",
    ),
    (
        "virt type 'kvm'",
        "this machine cannot run guests under KVM: set HYPERVISOR=\"qemu\" in eucalyptus.conf",
    ),
    (
        "Permission denied",
        "QEMU runs as a user of its own: every directory down to INSTANCE_PATH must let others \
         through (chmod o+x)",
    ),
    ("Cannot allocate memory", "the node is out of memory: lower MAX_MEM in eucalyptus.conf"),
    ("cannot set up guest memory", "the node is out of memory: lower MAX_MEM in eucalyptus.conf"),
    ("No space left on device", "make room on that filesystem"),
    ("interface MTU", "the bridge of the instance's network is missing on this node"),
];

/// What helps against the error with this message, if we know it.
pub(super) fn of(message: &str) -> Option<&'static str> {
    REMEDIES.iter().find(|(said, _)| message.contains(said)).map(|(_, remedy)| *remedy)
}

/// The message for a libvirt that cannot be reached.
pub(super) fn unreachable(uri: &str, cause: impl Display) -> String {
    format!(
        "libvirt is not reachable at {uri}: {cause}. Is libvirtd running? \
         (Debian: apt install libvirt-daemon-system; systemctl start libvirtd)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_errors_have_a_remedy() {
        let cases = [
            ("could not find capabilities for domaintype=kvm ", "HYPERVISOR"),
            ("Cannot access storage file '/root/x' (as uid:64055): Permission denied", "o+x"),
            ("cannot set up guest memory 'pc.ram': Cannot allocate memory", "MAX_MEM"),
            ("Cannot get interface MTU on 'eucabr10': No such device", "bridge"),
        ];
        for (message, wanted) in cases {
            assert!(of(message).unwrap().contains(wanted), "{message}");
        }
        assert_eq!(of("internal error: something new"), None);
    }
}
