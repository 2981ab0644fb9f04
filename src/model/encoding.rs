//! Text of others as bytes: UTF-8 with or without a byte order mark, or UTF-16, which PowerShell writes.

/// The byte order mark.
const MARK: &str = "\u{feff}";

/// How a text stands in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
}

impl Encoding {
    /// How a text that begins with these bytes stands: by its mark, else by where the first letter has a zero.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xff, 0xfe, ..] => Self::Utf16Le,
            [0xfe, 0xff, ..] => Self::Utf16Be,
            [first, 0, ..] if *first != 0 => Self::Utf16Le,
            [0, second, ..] if *second != 0 => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }

    /// The text of these bytes, without a mark; what is none becomes U+FFFD.
    pub fn lossy(self, bytes: &[u8]) -> String {
        let text = match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Utf16Le => wide(bytes, u16::from_le_bytes),
            Self::Utf16Be => wide(bytes, u16::from_be_bytes),
        };
        without_mark(&text).to_owned()
    }
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let letters = char::decode_utf16(units).map(|one| one.unwrap_or('\u{fffd}'));
    letters
        .chain((!rest.is_empty()).then_some('\u{fffd}'))
        .collect()
}

/// Bytes that are no text in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// It is UTF-16.
    #[error("UTF-16")]
    Utf16,
    /// It is something else.
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// The first byte that is none, counted from 0.
        offset: usize,
    },
}

/// The mark, or nothing, and the text behind it, of a file that is UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<(&str, &str), NotText> {
    if Encoding::of(bytes) != Encoding::Utf8 {
        return Err(NotText::Utf16);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| NotText::NotUtf8 {
        offset: error.valid_up_to(),
    })?;
    Ok(text.split_at(text.len() - without_mark(text).len()))
}

/// The text of a file that is only read, however it was saved.
pub fn text_of(bytes: &[u8]) -> Result<String, NotText> {
    match Encoding::of(bytes) {
        Encoding::Utf8 => utf8(bytes).map(|(_, text)| text.to_owned()),
        wide => Ok(wide.lossy(bytes)),
    }
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::{Encoding, NotText, text_of, utf8};

    /// "ä{" as Windows and others write it.
    const AS_BYTES: [&[u8]; 6] = [
        b"\xc3\xa4{",
        b"\xef\xbb\xbf\xc3\xa4{",
        b"\xff\xfe\xe4\0{\0",
        b"\xfe\xff\0\xe4\0{",
        b"\xe4\0{\0",
        b"\0\xe4\0{",
    ];

    #[test]
    fn a_text_is_read_however_it_was_saved() {
        for bytes in AS_BYTES {
            assert_eq!(text_of(bytes), Ok("ä{".to_owned()), "{bytes:?}");
            assert_eq!(Encoding::of(bytes).lossy(bytes), "ä{", "{bytes:?}");
        }
        assert_eq!(text_of(b""), Ok(String::new()));
        let split = AS_BYTES.map(utf8);
        assert_eq!(split[..2], [Ok(("", "ä{")), Ok(("\u{feff}", "ä{"))]);
        assert!(split[2..].iter().all(|one| *one == Err(NotText::Utf16)));
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place_or_marked() {
        assert_eq!(text_of(b"caf\xe9"), Err(NotText::NotUtf8 { offset: 3 }));
        assert_eq!(Encoding::Utf8.lossy(b"caf\xe9"), "caf\u{fffd}");
        assert_eq!(Encoding::Utf16Le.lossy(b"a\0\xd8"), "a\u{fffd}");
        assert_eq!(Encoding::Utf16Le.lossy(b"\0\xd8a\0"), "\u{fffd}a");
    }
}
