//! A file with certificates, as it stands: whether it is the PEM that TLS reads, and what makes PEM of it where not.

use std::io::Read as _;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// No bundle of authorities is longer; a longer file is something else.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The first byte of all DER that a certificate, or a collection of them, may be in: SEQUENCE (X.690 8.9).
const SEQUENCE: u8 = 0x30;

/// Why a file gives no certificates.
pub(super) struct Flaw {
    pub(super) what: &'static str,
    pub(super) cure: String,
}

/// Looks whether the file holds PEM certificates.
pub(super) fn look(path: &Path) -> Result<(), Flaw> {
    let flaw = |what, cure| Err(Flaw { what, cure });
    let bytes = match read(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return flaw("is no file", "name a regular file".to_owned()),
        Err(error) => {
            let cure = format!("check the path and its permissions ({error})");
            return flaw("cannot be read", cure);
        }
    };
    let from = path.display();
    let to = path.with_extension("pem");
    let to = to.display();
    let has = |label: &str| {
        let begin = format!("-----BEGIN {label}-----");
        bytes
            .windows(begin.len())
            .any(|part| part == begin.as_bytes())
    };
    if has("CERTIFICATE") {
        let all: Result<Vec<CertificateDer<'_>>, _> =
            CertificateDer::pem_slice_iter(&bytes).collect();
        return match all {
            Ok(found) if !found.is_empty() => Ok(()),
            _ => flaw(
                "holds a certificate that is cut off or changed",
                format!("export it again; `openssl x509 -in {from} -noout -text` shows it"),
            ),
        };
    }
    if has("PKCS7") || has("CMS") {
        let cure = format!(
            "`openssl pkcs7 -print_certs -in {from} -out {to}` makes PEM of it: name that file"
        );
        return flaw("is a PKCS #7 collection and no PEM certificate", cure);
    }
    match bytes.as_slice() {
        [SEQUENCE, ..] => flaw(
            "is in DER and not PEM",
            format!(
                "`openssl x509 -inform der -in {from} -out {to}` makes PEM of it: name that file"
            ),
        ),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => flaw(
            "is in UTF-16",
            "save it as ASCII or UTF-8; `Set-Content -Encoding ascii` does that in PowerShell"
                .to_owned(),
        ),
        _ => flaw(
            "holds no certificate",
            "name a PEM file, with a line -----BEGIN CERTIFICATE-----".to_owned(),
        ),
    }
}

/// What a regular file holds; `None` where it is none.
fn read(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
