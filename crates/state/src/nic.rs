//! What the columns of an instance say of its network interface.

use crate::database::Row;
use crate::error::Result;
use crate::fields::Fields;
use crate::instances::tag;
use protocol::{Attachment, Nic};
use std::net::Ipv4Addr;
use types::{InstanceId, MacAddr, NetworkTag};

/// The interface, where the elastic address that leads to it is read beside the instance.
pub(crate) fn nic(row: &Row, id: InstanceId) -> Result<Nic> {
    let attachment = match group_tag(row)? {
        Some(tag) => {
            Attachment::Group { tag, ip: row.parsed("ip")?, public_ip: row.maybe("public_ip")? }
        }
        None => Attachment::Site { ip: own_ip(row)? },
    };
    Ok(Nic { mac: mac(row, id)?, attachment })
}

/// The column `tag` of an instance; none for one on the site's own network.
pub(crate) fn group_tag(row: &Row) -> Result<Option<NetworkTag>> {
    if row.number::<u16>("tag")? == 0 { Ok(None) } else { tag(row).map(Some) }
}

/// The column `ip` of an instance; none for one that the site's DHCP server gives its address.
pub(crate) fn own_ip(row: &Row) -> Result<Option<Ipv4Addr>> {
    if row.text("ip")?.is_empty() { Ok(None) } else { row.parsed("ip").map(Some) }
}

/// The address that is shown: its own, else the one that was found, else 0.0.0.0.
pub(crate) fn shown_ip(row: &Row) -> Result<Ipv4Addr> {
    let found = || row.maybe("found_ip").map(|ip| ip.unwrap_or(Ipv4Addr::UNSPECIFIED));
    own_ip(row)?.map_or_else(found, Ok)
}

/// The Ethernet address of an instance: that of its pair, or the one made from its id.
pub(crate) fn mac(row: &Row, id: InstanceId) -> Result<MacAddr> {
    Ok(row.maybe("mac")?.unwrap_or_else(|| MacAddr::of_instance(id)))
}
