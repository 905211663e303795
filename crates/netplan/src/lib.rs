//! The network planner: from desired state to what one host's kernel should hold. Pure.
//!
//! On every machine two processes may own a part: the cluster controller the router's
//! (addresses, DHCP, NAT, group rules: table `inet eucalyptus`) and the node controller the
//! instances' (bridges, anti-spoofing, metadata: tables `bridge eucalyptus` and
//! `ip eucalyptus_metadata`). Neither touches the other's part, nor anything else of the host.
