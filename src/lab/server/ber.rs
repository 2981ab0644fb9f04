//! BER as LDAP uses it (RFC 4511 5.1): one-octet tags, definite lengths.

/// Bytes that are no LDAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message that is no LDAP: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// The largest message that is taken in.
const LARGEST: usize = 1 << 20;

/// A tag with its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tlv<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

impl<'a> Tlv<'a> {
    pub(super) fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.content).map_err(|_| Malformed("text that is not UTF-8"))
    }

    pub(super) fn number(self) -> Result<i64, Malformed> {
        if self.content.is_empty() || self.content.len() > 8 {
            return Err(Malformed("a number of no or too many octets"));
        }
        let negative = self.content.first().is_some_and(|byte| byte & 0x80 != 0);
        let start = if negative { -1_i64 } else { 0 };
        Ok(self
            .content
            .iter()
            .fold(start, |sum, byte| (sum << 8) | i64::from(*byte)))
    }

    pub(super) fn truth(self) -> bool {
        self.content.iter().any(|byte| *byte != 0)
    }

    pub(super) fn parts(self) -> Parts<'a> {
        Parts(self.content)
    }
}

/// What is left of a sequence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a>(pub(super) &'a [u8]);

impl<'a> Parts<'a> {
    pub(super) fn next(&mut self) -> Result<Option<Tlv<'a>>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (head, length) = header(self.0)?.ok_or(Malformed("a header that is cut off"))?;
        let end = head.checked_add(length).ok_or(Malformed("a length"))?;
        let content = self
            .0
            .get(head..end)
            .ok_or(Malformed("content that is cut off"))?;
        let tag = self.0.first().copied().unwrap_or_default();
        self.0 = self.0.get(end..).unwrap_or_default();
        Ok(Some(Tlv { tag, content }))
    }

    pub(super) fn need(&mut self, what: &'static str) -> Result<Tlv<'a>, Malformed> {
        self.next()?.ok_or(Malformed(what))
    }

    pub(super) fn all(mut self) -> Result<Vec<Tlv<'a>>, Malformed> {
        let mut found = Vec::new();
        while let Some(part) = self.next()? {
            found.push(part);
        }
        Ok(found)
    }
}

/// The lengths of header and content of what begins here; `None` where the header is not whole yet.
pub(super) fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let (Some(_), Some(first)) = (bytes.first(), bytes.get(1)) else {
        return Ok(None);
    };
    if *first < 0x80 {
        return Ok(Some((2, usize::from(*first))));
    }
    let octets = usize::from(*first & 0x7f);
    if octets == 0 || octets > 4 {
        return Err(Malformed("an indefinite or huge length"));
    }
    let head = octets.saturating_add(2);
    let Some(length) = bytes.get(2..head) else {
        return Ok(None);
    };
    let length = length
        .iter()
        .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    if length > LARGEST {
        return Err(Malformed("a message of more than 1 MiB"));
    }
    Ok(Some((head, length)))
}

/// A tag with this content.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = Vec::with_capacity(length.saturating_add(6));
    out.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            out.push(0x84);
            out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(content);
    out
}

/// An OCTET STRING.
pub(super) fn octets(content: impl AsRef<[u8]>) -> Vec<u8> {
    tlv(0x04, content.as_ref())
}

/// An INTEGER or ENUMERATED, by its tag.
pub(super) fn number(tag: u8, value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut content = bytes.as_slice();
    // The shortest form: no leading octet that only repeats the sign.
    while let [first, second, ..] = content {
        let redundant =
            (*first == 0 && second & 0x80 == 0) || (*first == 0xff && second & 0x80 != 0);
        if !redundant {
            break;
        }
        content = content.get(1..).unwrap_or_default();
    }
    tlv(tag, content)
}
