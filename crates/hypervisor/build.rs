//! Assembles the guest by which KVM is tried, with the binutils that Rust links with anyway.

#![allow(clippy::panic, reason = "a build script has no other way to say what is missing")]

use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "src/kvm/proof.s";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    let (object, guest) = (out.join("proof.o"), out.join("proof.bin"));
    run(Command::new("as").args(["--64", "-o"]).arg(&object).arg(SOURCE));
    let flat = ["-Ttext", "0x7c00", "--oformat", "binary", "-o"];
    run(Command::new("ld").args(flat).arg(&guest).arg(&object));
}

fn run(command: &mut Command) {
    match command.status() {
        Ok(status) if status.success() => {}
        outcome => panic!("{command:?}: {outcome:?} (Debian: apt install binutils)"),
    }
}
