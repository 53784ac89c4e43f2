//! A QR code (ISO/IEC 18004) of a text, as an SVG picture: no script, nothing to load.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// The picture, with the quiet zone that readers need; `None` when the text is too long for a code
/// (about 2,300 bytes).
#[must_use]
pub fn qr_svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let picture = code.render::<svg::Color>().module_dimensions(3, 3).build();
    // The crate's declaration of XML has no place inside a page.
    let start = picture.find("<svg")?;
    Some(format!("{}\n", &picture[start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_picture_and_a_book_has_none() {
        let picture = qr_svg("log.example/a\n1\nAAAA\n").unwrap();
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
        assert!(qr_svg(&"x".repeat(3000)).is_none());
    }
}
