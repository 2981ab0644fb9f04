//! How K, S and the cursor move: by a completed pass, by a completed load (R1, R7).

use crate::model::{FeedContext, InvocationId, Usn, Vector};

/// The cursor after a completed pass: what was committed before its search, less the overlap; it never goes back.
pub fn cursor_after(cursor: Usn, committed: Usn, overlap: u32) -> Usn {
    let less = committed.get().saturating_sub(i64::from(overlap)).max(0);
    Usn::new(less).map_or(cursor, |less| less.max(cursor))
}

/// K and S after a completed pass, every sink having acknowledged: `vector` was read before the search, `from` is where
/// the pass began, `cursor` is where the next one begins. Where S is unknown, both stay as they are, unless the pass was
/// over everything the DC has (R7).
pub fn after_pass(
    context: &FeedContext,
    vector: &Vector,
    reader: InvocationId,
    from: Usn,
    cursor: Usn,
) -> FeedContext {
    if context.held.is_none() && from > Usn::ZERO {
        return context.clone();
    }
    after_load(context, vector, reader, cursor)
}

/// K and S after a completed load: everything below its bounds is held, whatever was known before.
pub fn after_load(
    context: &FeedContext,
    vector: &Vector,
    reader: InvocationId,
    cursor: Usn,
) -> FeedContext {
    let told = context.told.join(vector);
    let own = told.get(reader).unwrap_or(Usn::ZERO).max(cursor);
    FeedContext {
        told: told.with(reader, own),
        held: Some(vector.clone().with(reader, cursor)),
        settled: context.settled.clone(),
    }
}

/// What contradicts that the DC is what it was when it was last read (R10): the higher USN we know of it.
pub fn rolled_back(context: &FeedContext, reader: InvocationId, committed: Usn) -> Option<Usn> {
    let held = context.held.as_ref().and_then(|held| held.get(reader));
    let known = context.told.get(reader).max(held)?;
    (known > committed).then_some(known)
}
