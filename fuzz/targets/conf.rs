//! See [`fuzz::conf`].
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::conf(bytes));
