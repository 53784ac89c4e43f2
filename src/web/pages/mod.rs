//! Pages for people: to confirm, to unsubscribe, to choose.
//!
//! They need no script, load nothing, and keep no session: whoever has the link is who it speaks for. Nothing
//! personal stands in an address, a title or a log. Looking at a page changes nothing, because programs look
//! at every link of a mail; a form, which is sent back, does. `clerk` has a store of its own for them, so that no
//! sender of data keeps a person from saying no.

pub(super) mod clerk;
mod page;
mod show;
mod words;
