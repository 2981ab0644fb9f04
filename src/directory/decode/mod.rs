//! Attribute values as bytes, turned into values of the model.
//!
//! Pure: no IO, no clock. Every value comes from the network and is judged whole before anything of it is
//! used: what is no such value is refused with the offset of the first byte that cannot be, nothing panics,
//! and nothing is allocated for a count before the count has been held against the length.

mod attid;
mod cursors;
mod extended_dn;
mod meanings;
mod names;
mod scalar;
mod stamps;
mod values;
mod vector;

pub use attid::PrefixTable;
pub use cursors::{vector_from_binary, vector_from_xml};
pub use extended_dn::{ExtendedDn, dn_with_data, extended_dn};
pub use names::{ServicePlace, rdn_value, service_place};
pub use scalar::{boolean, dn, generalized_time, instance_type, integer, invocation_id, text, usn};
pub use stamps::stamps;
pub use values::{json_link, json_value, json_values};
pub use vector::vector_from_blob;

/// A value that is not what its attribute promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attribute}, byte {offset}: {problem}")]
pub struct DecodeError {
    /// The attribute the value came from.
    pub attribute: String,
    /// The offset in the value, in bytes from 0, of the first byte that cannot be.
    pub offset: usize,
    /// What is wrong there.
    pub problem: String,
}

impl DecodeError {
    /// The error for this attribute at this offset.
    pub fn new(attribute: &str, offset: usize, problem: impl Into<String>) -> Self {
        Self {
            attribute: attribute.to_owned(),
            offset,
            problem: problem.into(),
        }
    }
}

/// `N` bytes at `offset`, or the error that says where the value ended.
fn bytes_at<const N: usize>(
    attribute: &str,
    value: &[u8],
    offset: usize,
) -> Result<[u8; N], DecodeError> {
    offset
        .checked_add(N)
        .and_then(|end| value.get(offset..end))
        .and_then(|bytes| <[u8; N]>::try_from(bytes).ok())
        .ok_or_else(|| {
            let length = value.len();
            DecodeError::new(
                attribute,
                length.min(offset),
                format!("{N} bytes wanted at {offset}, but the value has only {length}"),
            )
        })
}

/// A non-negative little-endian 64-bit USN at `offset`.
fn usn_at(attribute: &str, value: &[u8], offset: usize) -> Result<crate::model::Usn, DecodeError> {
    let number = i64::from_le_bytes(bytes_at(attribute, value, offset)?);
    crate::model::Usn::new(number)
        .map_err(|error| DecodeError::new(attribute, offset, error.to_string()))
}

/// An invocationId at `offset`; the nil GUID is none.
fn id_at(
    attribute: &str,
    value: &[u8],
    offset: usize,
) -> Result<crate::model::InvocationId, DecodeError> {
    let octets: [u8; 16] = bytes_at(attribute, value, offset)?;
    if octets == [0; 16] {
        return Err(DecodeError::new(
            attribute,
            offset,
            "the nil GUID is no invocationId",
        ));
    }
    Ok(crate::model::InvocationId::from_octets(octets))
}

/// Adds an entry, or says that the incarnation is there already: two USNs for one would leave a choice.
fn add_entry(
    seen: &mut std::collections::BTreeMap<crate::model::InvocationId, crate::model::Usn>,
    id: crate::model::InvocationId,
    usn: crate::model::Usn,
    attribute: &str,
    offset: usize,
) -> Result<(), DecodeError> {
    if seen.insert(id, usn).is_some() {
        return Err(DecodeError::new(
            attribute,
            offset,
            format!("invocationId {id} is listed twice"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod attid_tests;
#[cfg(test)]
mod cursors_tests;
#[cfg(test)]
mod extended_dn_tests;
#[cfg(test)]
mod scalar_tests;
#[cfg(test)]
mod stamps_tests;
#[cfg(test)]
mod values_tests;
#[cfg(test)]
mod vector_tests;
