//! See [`fuzz::disk_image`].
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::disk_image(bytes));
