//! PERSON: what people say and ask for by links of their own, without anybody of the brand between.
//!
//! Whoever holds a link speaks as the person of its record (`send::link`), or confirms what was asked for in
//! their name (`send::opt_in`). A "no" is taken whatever else is closed, and acts at once; a "yes" is given to a
//! notice that stood on the page, and comes in as the act of the person through the source that the policy
//! names for it; what one has a right to is opened as a request, and answered by somebody who looks who asks.
//! Each of these changes the store in one transaction, and says no more than its page needs.

pub mod ask;
pub mod choose;
pub mod confirm;
pub mod handed;
pub mod preferences;
mod say;
mod sql;
pub mod unsubscribe;
