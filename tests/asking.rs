//! What is held, asked for over HTTP: the real program, asked over the wire with tokens.

mod common;

#[path = "asking/changes.rs"]
mod changes;
#[path = "asking/context.rs"]
mod context;
#[path = "asking/own.rs"]
mod own;
#[path = "asking/profile.rs"]
mod profile;
#[path = "asking/scene.rs"]
mod scene;
#[path = "tracking/served.rs"]
#[allow(dead_code)]
mod served;
#[path = "asking/tokens.rs"]
mod tokens;
