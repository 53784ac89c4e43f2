//! The terminal side of candor.
fn main() {}
