//! A text as a QR code in an SVG data URI, ready for the `src` of an image.

use data_encoding::BASE64;
use qrcode::{EcLevel, QrCode, render::svg, types::QrError};
use zeroize::Zeroizing;

/// Draws `text` at error correction level M, or L when it is too long for M.
///
/// Fails on a text of more than 2 953 bytes, which no QR code holds.
pub fn data_uri(text: &str) -> Result<Zeroizing<String>, QrError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .or_else(|_| QrCode::with_error_correction_level(text, EcLevel::L))?;
    let image = Zeroizing::new(
        code.render::<svg::Color<'_>>()
            .min_dimensions(200, 200)
            .build(),
    );
    let encoded = Zeroizing::new(BASE64.encode(image.as_bytes()));
    Ok(Zeroizing::new(format!(
        "data:image/svg+xml;base64,{}",
        encoded.as_str()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::totp::TotpSecret;

    #[test]
    fn it_is_an_svg() {
        let uri = data_uri("otpauth://totp/x").unwrap();
        let encoded = uri.strip_prefix("data:image/svg+xml;base64,").unwrap();
        let image = String::from_utf8(BASE64.decode(encoded.as_bytes()).unwrap()).unwrap();
        assert!(image.starts_with("<?xml") && image.contains("<svg") && image.ends_with("</svg>"));
    }

    #[test]
    fn the_longest_names_fit() {
        let secret = TotpSecret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        assert!(data_uri(&secret.uri(&"𝕏".repeat(100), &"𝕏".repeat(255))).is_ok());
        assert!(data_uri(&"x".repeat(2_954)).is_err());
    }
}
