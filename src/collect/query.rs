//! Names and values as addresses and forms write them (`application/x-www-form-urlencoded`).

/// The pairs of a query or a form, without their escapes, in their order.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

/// A part of a path without its escapes.
pub(crate) fn unescaped(part: &str) -> String {
    // Of a form alone is a plus a space.
    decoded(&part.replace('+', "%2B"))
}

/// A part of a form without its escapes; what isn't UTF-8 is replaced.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        match (first, after) {
            (b'%', [high, low, behind @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                let digit = |byte: u8| u8::try_from(hex(byte).unwrap_or(0)).unwrap_or(0);
                bytes.push(digit(*high) * 16 + digit(*low));
                rest = behind;
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
