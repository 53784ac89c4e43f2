//! Mails: what a mail server is handed, whom links in them let speak, and what they say then.

mod common;
#[path = "common/sending.rs"]
mod sending;
#[path = "common/mailserver.rs"]
mod mailserver;

#[path = "mails/scene.rs"]
mod scene;
#[path = "mails/smtp.rs"]
mod smtp;
#[path = "mails/opt_in.rs"]
mod opt_in;
#[path = "mails/unsubscribe.rs"]
mod unsubscribe;
#[path = "mails/preferences.rs"]
mod preferences;
