//! Swap space, as `mkswap` makes it (Linux, `include/linux/swap.h`, `union swap_header`).

const PAGE: usize = 4096;

/// The first page of a swap space of `bytes`; none when it is too small to be one.
pub fn swap_header(bytes: u64, uuid: [u8; 16]) -> Option<[u8; PAGE]> {
    let pages = bytes / PAGE as u64;
    if pages < 10 {
        return None;
    }
    let last = u32::try_from(pages - 1).unwrap_or(u32::MAX);
    let mut page = [0; PAGE];
    page[1024..1028].copy_from_slice(&1_u32.to_le_bytes());
    page[1028..1032].copy_from_slice(&last.to_le_bytes());
    page[1036..1052].copy_from_slice(&uuid);
    page[PAGE - 10..].copy_from_slice(b"SWAPSPACE2");
    Some(page)
}
