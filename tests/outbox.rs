//! What waits to be sent: it goes out only if the gate says yes at that moment, once for each row however
//! often it is tried, and whoever is killed loses nothing.

mod common;
#[path = "common/sending.rs"]
mod sending;
#[path = "common/recipient.rs"]
mod recipient;
#[path = "common/database.rs"]
mod database;

#[path = "outbox/events.rs"]
mod events;
#[path = "outbox/gate.rs"]
mod gate;
#[path = "outbox/insider.rs"]
mod insider;
#[path = "outbox/killed.rs"]
mod killed;
#[path = "outbox/queue.rs"]
mod queue;
#[path = "outbox/recall.rs"]
mod recall;
#[path = "outbox/scene.rs"]
mod scene;
#[path = "outbox/tables.rs"]
mod tables;
#[path = "outbox/tries.rs"]
mod tries;
#[path = "outbox/vendors.rs"]
mod vendors;
