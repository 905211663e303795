//! Makes a host's kernel match a plan of `netplan`, and answers DHCP. One trait, netlink and
//! nftables behind it, and a simulated twin.
