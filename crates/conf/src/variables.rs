//! The variables' names: those that are used, those of the guides that have no effect here, and
//! those that have another name now.

/// Variables that this version acts on.
pub(crate) const USED: &[&str] = &[
    "EUCALYPTUS",
    "START_CLOUD",
    "START_CC",
    "START_NC",
    "LOGLEVEL",
    "LOGMAXSIZE",
    "LOGROLLNUMBER",
    "METRICS_PORT",
    "CLOUD_HOST",
    "CLOUD_PORT",
    "CLOUD_SSL_PORT",
    "WALRUS_PORT",
    "WALRUS_DOMAINS",
    "SMTP_SERVER",
    "CC_PORT",
    "NC_PORT",
    "METADATA_PORT",
    "DATABASE_URL",
    "EC2_SIGNATURE_V1",
    "CLUSTER_NAME",
    "SCHEDPOLICY",
    "NODES",
    "DRAINED_NODES",
    "MAX_MEM",
    "MAX_CORES",
    "MAX_DISK",
    "OVERCOMMIT_CORES",
    "OVERCOMMIT_MEM",
    "OVERCOMMIT_DISK",
    "SWAP_SIZE",
    "EPHEMERAL_SIZE",
    "INSTANCE_PATH",
    "NC_CACHE_SIZE",
    "USE_VIRTIO_ROOT",
    "USE_VIRTIO_NET",
    "HYPERVISOR",
    "LIBVIRT_URI",
    "VNET_MODE",
    "VNET_BRIDGE",
    "VNET_INTERFACE",
    "VNET_TRANSPORT",
    "VNET_SUBNET",
    "VNET_NETMASK",
    "VNET_DNS",
    "VNET_BROADCAST",
    "VNET_ROUTER",
    "VNET_MACMAP",
    "VNET_ADDRSPERNET",
    "VNET_PUBLICIPS",
    "VNET_DHCPDAEMON",
    "VNET_DHCPUSER",
];

/// Variables of 1.4 and 1.5 that files may hold and that have no effect here.
pub(crate) const WITHOUT_EFFECT: &[&str] = &[
    "ENABLE_WS_SECURITY",
    "NC_SERVICE",
    "EUCA_USER",
    "MANUAL_INSTANCES_CLEANUP",
    "DISABLE_EBS",
    "DISABLE_DNS",
];

/// Variables with another name now, or none, and what to do about it.
pub(crate) const OUTDATED: &[(&str, &str)] = &[
    ("VNET_PUB_INTERFACE", "is the old name of VNET_INTERFACE; rename it"),
    ("VNET_PUBINTERFACE", "is called VNET_INTERFACE here; rename it"),
    ("VNET_DHCPDEAMON", "is the old, misspelt name of VNET_DHCPDAEMON; rename it"),
    ("VNET_DHCPUSE", "is a misprint of the guide for VNET_DHCPUSER; rename it"),
    (
        "TEMPLATE_PATH",
        "belongs to a file from before version 1.4; start from the new file (euca_conf --setup \
         writes one) and copy your values into it",
    ),
];
