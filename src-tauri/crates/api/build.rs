//! Tells cargo to look at the built screens, so that a program never carries older ones than there are. While they are not
//! built, cargo looks each time, so that they are taken up as soon as they appear.

#![allow(clippy::print_stdout)] // how a build script speaks to cargo

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../../ui/dist");
}
