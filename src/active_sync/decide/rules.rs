//! The rules that tests break one at a time, to see that each is needed. In any other build all of them hold.

/// A rule, or the part of one, that can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Rule {
    /// R1: the vector is read before the search.
    VectorBefore,
    /// R1: no upper bound on uSNChanged, and the cursor is what was read before the search.
    CursorBefore,
    /// R4: what is remembered of an attribute is compared.
    Journal,
    /// R4: what loses against what was delivered is silent.
    LoserSilent,
    /// R4: what K covers is delivered where it supersedes what was told last.
    Repair,
    /// R4: what this DC had at the cursor is no news.
    LocalAboveCursor,
    /// R4: the RDN attribute's stamp is left out.
    RdnLeftOut,
    /// R4: only the attributes that are news are delivered.
    OnlyNews,
    /// R5: a whole image leaves out what was told newer.
    ImageLessNewer,
    /// R5: an object told deleted is held while a DC shows it alive.
    DeletedHeld,
    /// R5: what a load does not come across is held where the DC lacks something delivered of it.
    UnseenHeld,
    /// R5: an object told to have left is held while a DC shows it as it was before.
    LeftHeld,
    /// R8: the digest of links is compared.
    Links,
    /// R8: links to what was told deleted are left out.
    DeletedTargets,
    /// R4: what a DC shows of an object that it shows as it was before is not taken for told.
    Untold,
    /// R8: the groups of what comes back to life on a DC that is behind are read again.
    Regained,
    /// R9: the names of all below what a lost DC renamed are read again.
    LostSubtree,
    /// An event's id is made of the whole image that the consumer has of the object.
    Generations,
    /// The names of all below a renamed container are read again.
    Subtree,
    /// R6: a DC that lacks what J was pruned of is not read.
    HasSettled,
}

/// Whether the rule holds.
#[cfg(not(any(test, feature = "rule-switches")))]
#[inline]
pub fn holds(_rule: Rule) -> bool {
    true
}

#[cfg(any(test, feature = "rule-switches"))]
pub use switches::{Broken, holds};

#[cfg(any(test, feature = "rule-switches"))]
mod switches {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Rule;

    static BROKEN: AtomicU32 = AtomicU32::new(0);

    /// Whether the rule holds in this test process.
    pub fn holds(rule: Rule) -> bool {
        BROKEN.load(Ordering::Relaxed) & (1 << (rule as u32)) == 0
    }

    /// A rule that does not hold, in the whole process, for as long as this lives.
    #[derive(Debug)]
    pub struct Broken(Rule);

    impl Broken {
        /// Breaks a rule.
        pub fn new(rule: Rule) -> Self {
            BROKEN.fetch_or(1 << (rule as u32), Ordering::Relaxed);
            Self(rule)
        }
    }

    impl Drop for Broken {
        fn drop(&mut self) {
            BROKEN.fetch_and(!(1 << (self.0 as u32)), Ordering::Relaxed);
        }
    }
}
