//! How the program as it is shipped is linked: without what only unwinding needs.
//!
//! It ends where it panics (`panic = "abort"`), so nobody reads those tables, and they are a twentieth of it.
//! Tests and benches unwind, and keep theirs.

fn main() {
    println!("cargo::rerun-if-changed=.cargo/link.rs");
    println!("cargo::rerun-if-changed=.cargo/without-unwinding.ld");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        // The linker works in the folder of this crate: a checkout that is moved with what was built of it links.
        println!("cargo::rustc-link-arg-bins=-Wl,-T,.cargo/without-unwinding.ld");
    }
}
