//! Whether anybody has changed the rules of this host: nf_tables counts its transactions
//! (`nft monitor` shows the number as "new generation").

use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{recv, sendto, socket_with};
use std::io;

/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_…` (linux/netfilter/nfnetlink.h, nf_tables.h).
const GET: u16 = 10 << 8 | 16;
const NEW: u16 = 10 << 8 | 15;
/// NLM_F_REQUEST.
const REQUEST: u16 = 1;
/// NFTA_GEN_ID.
const ID: u16 = 1;
/// nlmsghdr and nfgenmsg.
const HEADERS: usize = 16 + 4;

/// The number of the rules as they are now; another one after every change of any table.
pub(super) fn now() -> io::Result<u32> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(NETFILTER))?;
    let mut request = Vec::with_capacity(HEADERS);
    request.extend((HEADERS as u32).to_ne_bytes());
    request.extend(GET.to_ne_bytes());
    request.extend(REQUEST.to_ne_bytes());
    request.extend([0; 8]);
    // No family, version 0, no resource.
    request.extend([0; 4]);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0_u8; 512];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    id(&answer[..length]).ok_or_else(|| io::Error::other("nf_tables does not tell its generation"))
}

fn id(answer: &[u8]) -> Option<u32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    if kind != NEW {
        return None;
    }
    let mut rest = answer.get(HEADERS..)?;
    while let Some((header, _)) = rest.split_at_checked(4) {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]);
        let value = rest.get(4..length)?;
        if kind == ID {
            return Some(u32::from_be_bytes(value.try_into().ok()?));
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let mut answer = vec![0; 4];
        answer.extend(kind.to_ne_bytes());
        answer.resize(HEADERS, 0);
        answer.extend(attributes);
        answer
    }

    #[test]
    fn the_number_is_found_among_other_attributes() {
        let name = [8, 0, 3, 0, b'n', b'f', b't', 0];
        let number = [8, 0, 1, 0, 0, 0, 1, 2];
        assert_eq!(id(&answer(NEW, &[name, number].concat())), Some(258));
        assert_eq!(id(&answer(NEW, &number)), Some(258));
        for broken in [
            answer(NEW, &name),
            answer(2, &number),
            answer(NEW, &number[..7]),
            answer(NEW, &[0, 0, 1, 0, 0, 0, 1, 2]),
            answer(NEW, &[9, 0, 3, 0]),
            Vec::new(),
        ] {
            assert_eq!(id(&broken), None, "{broken:?}");
        }
    }
}
