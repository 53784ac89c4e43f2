//! Data that comes in over HTTP: the real program, asked over the wire.

mod common;

#[path = "tracking/access.rs"]
mod access;
#[path = "tracking/clients.rs"]
mod clients;
#[path = "tracking/doors.rs"]
mod doors;
#[path = "tracking/durable.rs"]
mod durable;
#[path = "tracking/gate.rs"]
mod gate;
#[path = "tracking/once.rs"]
mod once;
#[path = "tracking/people.rs"]
mod people;
#[path = "tracking/served.rs"]
mod served;
#[path = "tracking/webhooks.rs"]
mod webhooks;
