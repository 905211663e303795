//! The vocabulary that every part shares: ids, names, figures, states, secrets.
//!
//! A value of these types is valid by construction: text from outside is parsed here once and
//! not checked again. This crate does no I/O and knows no other crate of the workspace.

/// The one region of this cloud, as `eucarc` names it to SDKs.
pub const REGION: &str = "eucalyptus";

mod account;
mod boot;
mod crash;
mod factor;
mod figures;
mod id;
mod instance_state;
mod names;
mod net;
mod pool;
mod request_id;
mod secret;
mod stamp;
mod walrus_limits;

pub use account::AccountId;
pub use boot::{Boot, DiskBus, ImageFormat, Uefi, UnknownWord};
pub use crash::crash_point;
pub use factor::{Factor, MalformedFactor};
pub use figures::{Figures, InvalidVmType, VmType};
pub use id::{
    AllocationId, AssociationId, GatewayId, GroupId, ImageId, ImageKind, InstanceId, InterfaceId,
    KeyPairId, MalformedId, ReservationId, RouteTableId, RuleId, SubnetId, VpcId, simulate_ids,
};
pub use instance_state::InstanceState;
pub use names::{ClusterName, GroupName, InvalidName, KeyName, NodeName, TagKey, Tags, UserName};
pub use net::{
    AddressPair, FEWEST_PER_NET, InvalidNet, MacAddr, NetworkTag, PortRange, Protocol, VnetMode,
    host_of_endpoint,
};
pub use pool::{AddressPool, MalformedPool};
pub use request_id::{MalformedRequestId, RequestId};
pub use secret::Secret;
pub use stamp::{Clock, SystemClock, Timestamp};
pub use walrus_limits::{MalformedLimits, WalrusLimits};
