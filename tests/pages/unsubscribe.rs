//! One click (RFC 8058), as mail readers send it.

use crate::scene::{Shop, is_strict};

/// Dee, who confirmed and got a letter.
fn reader(shop: &Shop) -> crate::mailserver::Mail {
    let asked = shop.mails("dee@x.example", 1).remove(0);
    shop.post(&Shop::path(&asked.link("confirm").unwrap()), "confirm=yes");
    shop.run(&["audience", "push", "letters"]);
    shop.mails("dee@x.example", 2).remove(1)
}

#[test]
fn a_mail_reader_unsubscribes_with_one_post() {
    let shop = Shop::new();
    let mail = reader(&shop);
    assert_eq!(mail.head("List-Unsubscribe-Post").as_deref(), Some("List-Unsubscribe=One-Click"));
    let path = Shop::path(&mail.head("List-Unsubscribe").unwrap());
    let page = shop.get(&path, "fr");
    is_strict(&page);
    assert!(page.body.contains("Se désabonner"));
    assert_eq!(shop.stands("email:dee@x.example"), "given", "a look changes nothing");
    // As RFC 8058 has it, in the form that some readers choose.
    let boundary = "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
    let kind = ("Content-Type", "multipart/form-data; boundary=x");
    let heard = shop.served.ask("POST", &path, &[kind], boundary.as_bytes());
    assert_eq!(heard.status, 200);
    assert_eq!(shop.stands("email:dee@x.example"), "withdrawn");
    let again = shop.post(&path, "List-Unsubscribe=One-Click");
    assert_eq!(again.status, 200);
    // Of somebody erased it says nothing.
    shop.run(&["erase", "email:dee@x.example"]);
    let gone = shop.post(&path, "List-Unsubscribe=One-Click");
    let made_up = shop.post(&format!("/unsubscribe/{}", "A".repeat(48)), "");
    assert_eq!((gone.status, &gone.body), (404, &made_up.body));
    shop.log_says_nothing(&[path.rsplit('/').next().unwrap()]);
    shop.served.is_sound();
}

/// While another process writes for seconds, a no waits for its turn and is taken.
#[test]
fn a_no_gets_through_while_others_write() {
    let shop = Shop::new();
    let path = Shop::path(&reader(&shop).head("List-Unsubscribe").unwrap());
    let writing = shop.served.store();
    drop(writing);
    let conn = rusqlite::Connection::open(shop.served.path()).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let heard = std::thread::scope(|scope| {
        let asked = scope.spawn(|| shop.post(&path, "List-Unsubscribe=One-Click"));
        std::thread::sleep(std::time::Duration::from_secs(3));
        conn.execute_batch("ROLLBACK").unwrap();
        asked.join().unwrap()
    });
    assert_eq!(heard.status, 200);
    assert_eq!(shop.stands("email:dee@x.example"), "withdrawn");
}
