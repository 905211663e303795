//! Why an instance is as it is, in words that more than one component has to know.
//!
//! EC2 shows a reason as a code and a message that begins with the code and a colon. A reason with
//! such a beginning has that code; others are the node's own trouble.

/// The guest has shut down.
pub const GUEST_POWERED_OFF: &str =
    "Client.InstanceInitiatedShutdown: the guest powered itself off";

/// The guest's kernel has panicked, and its virtual machine stands still.
pub const GUEST_CRASHED: &str = "Server.InternalError: the guest crashed (its kernel panicked); its \
    console output tells more; reboot, stop or terminate it";

/// The node's disk is full, and the guest's virtual machine stands still.
pub const NO_SPACE: &str = "Server.InternalError: the disk of its node is full, so that its virtual \
    machine stands still; nothing is lost, and it goes on by itself once there is room on the node";

/// The pool of its cluster was empty when the instance was to get a public address.
pub const NO_PUBLIC_ADDRESS: &str = "Server.InsufficientAddressCapacity: no public address was free, \
    so it has its private address only; associate one of yours, or ask the administrator for more";

/// Whether an instance with this reason has a virtual machine that runs and does nothing.
pub fn is_standstill(reason: &str) -> bool {
    [GUEST_CRASHED, NO_SPACE].contains(&reason)
}

/// The codes with which a reason may begin.
const CODES: [&str; 4] = [
    "Client.InstanceInitiatedShutdown",
    "Client.UserInitiatedShutdown",
    "Server.InsufficientAddressCapacity",
    "Server.InternalError",
];

/// The code with which a reason begins, if it does.
pub fn code(reason: &str) -> Option<&'static str> {
    let (code, _) = reason.split_once(": ")?;
    CODES.into_iter().find(|known| *known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_codes_count() {
        for (reason, wanted) in [
            (GUEST_POWERED_OFF, Some("Client.InstanceInitiatedShutdown")),
            (NO_SPACE, Some("Server.InternalError")),
            (GUEST_CRASHED, Some("Server.InternalError")),
            (NO_PUBLIC_ADDRESS, Some("Server.InsufficientAddressCapacity")),
            ("its domain could not be started: no memory", None),
            ("Client.InstanceInitiatedShutdown", None),
            ("", None),
        ] {
            assert_eq!(code(reason), wanted, "{reason}");
        }
    }
}
