//! OUTBOX: what is to be sent waits here until it was taken, and holds nothing of anybody but, sealed, what
//! takes them back.
//!
//! A row says whom a message is about and where it goes, in integers. What it says is read from the
//! profile when it is sent, and only if the gate lets it out then, at every try. `README.md` in the folder
//! above tells how a message leaves.

mod carried;
mod confirm;
mod desk;
mod judge;
mod pace;
mod settle;
pub(crate) mod sql;
mod status;
mod turn;
mod worker;

pub use confirm::asks_to_confirm;
pub(super) use desk::refuse_under_way;
pub use desk::{
    Figures, Queued, Row, SENDING, Which, by_hand, count_by_hand, drop_row, figures, hold_restored,
    is_under_way, list, queue_audience, queue_event, recalls_waiting, replay, show,
};
pub use status::NO_WAY;
pub use turn::LEASE_MS;
pub use worker::{Clock, Now, Paused, Report, Worker};
