//! Pages for people, asked for over the wire as a browser, a mail reader and a program that looks through mails
//! ask for them.

mod common;
#[path = "common/mailserver.rs"]
mod mailserver;
#[path = "tracking/served.rs"]
#[allow(dead_code)]
mod served;

#[path = "pages/confirm.rs"]
mod confirm;
#[path = "pages/preferences.rs"]
mod preferences;
#[path = "pages/scene.rs"]
mod scene;
#[path = "pages/unsubscribe.rs"]
mod unsubscribe;
