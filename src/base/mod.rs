//! Ground: what every stage stands on, and knows nothing of them.

pub mod clock;
pub mod der;
pub mod error;
pub mod hex;
pub mod path;
pub mod secret;
pub mod tls;
