//! What happens in one run, and how often.

use highwater::lab::forest::Weights;

/// How often each thing happens: once in so many ticks, where nothing else is said; 0 stands for never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// How long a run takes.
    pub(crate) ticks: usize,
    /// How many ticks pass before a question of the feed is answered, at most.
    pub(crate) slow: usize,
    /// What people write.
    pub(crate) weights: Weights,
    /// The feed is moved; the DC it read is killed in most cases.
    pub(crate) failovers: usize,
    /// In how many of a hundred moves somebody names a start that nothing proves.
    pub(crate) unproven_percent: usize,
    /// How far below the proven start a start is, at most.
    pub(crate) margin: usize,
    /// Two DCs are cut off from each other, or joined; a dead one comes back.
    pub(crate) trouble: usize,
    /// All DCs are cut off from each other, or joined.
    pub(crate) splits: usize,
    /// The journal is pruned.
    pub(crate) prunes: usize,
    /// Once in so many questions: the process dies where it stands.
    pub(crate) crashes: usize,
    /// Once in so many questions: the connection breaks.
    pub(crate) resets: usize,
    /// Somebody gets or loses the attribute that the filter asks for.
    pub(crate) flips: usize,
    /// A unit goes into the base, or out of it.
    pub(crate) unit_moves: usize,
    /// Whether the base is a container of the domain, in how many of a hundred runs.
    pub(crate) below_percent: usize,
    /// A DC is killed for ever; later it is declared lost.
    pub(crate) losses: usize,
    /// A DC is put back from an older state under a new invocationId; later its old life is declared lost.
    pub(crate) restores: usize,
    /// A DC goes back in time unnoticed, is quarantined, and later promoted anew and its old life declared lost.
    pub(crate) rollbacks: usize,
    /// Somebody orders everything anew.
    pub(crate) resyncs: usize,
    /// The store is put back from a backup, or backed up.
    pub(crate) put_backs: usize,
    /// How many sinks there are, at most; all but the first lag.
    pub(crate) sinks: usize,
}

impl Weather {
    /// One DC that is read, and nothing but its partners' changes.
    pub(crate) const FAIR: Self = Self {
        ticks: 1_000,
        slow: 3,
        weights: Weights::EVERYTHING,
        failovers: 0,
        unproven_percent: 0,
        margin: 60,
        trouble: 0,
        splits: 0,
        prunes: 80,
        crashes: 200,
        resets: 200,
        flips: 30,
        unit_moves: 60,
        below_percent: 50,
        losses: 0,
        restores: 0,
        rollbacks: 0,
        resyncs: 0,
        put_backs: 0,
        sinks: 1,
    };
    pub(crate) const FAILOVERS: Self = Self {
        failovers: 100,
        trouble: 60,
        ..Self::FAIR
    };
    pub(crate) const EXACT: Self = Self {
        margin: 0,
        prunes: 0,
        ..Self::FAILOVERS
    };
    pub(crate) const UNPROVEN: Self = Self {
        unproven_percent: 40,
        ..Self::FAILOVERS
    };
    pub(crate) const PRUNING: Self = Self {
        prunes: 8,
        failovers: 60,
        ..Self::FAILOVERS
    };
    pub(crate) const LEAVING: Self = Self {
        flips: 6,
        unit_moves: 20,
        below_percent: 80,
        ..Self::FAILOVERS
    };
    pub(crate) const UNDELETES: Self = Self {
        weights: Weights {
            delete_user: 20,
            delete_group: 6,
            undelete: 30,
            conflict: 12,
            ..Weights::EVERYTHING
        },
        ..Self::FAILOVERS
    };
    pub(crate) const CRASHES: Self = Self {
        crashes: 15,
        resets: 25,
        ..Self::FAILOVERS
    };
    pub(crate) const SPLITS: Self = Self {
        splits: 60,
        failovers: 60,
        ..Self::FAILOVERS
    };
    pub(crate) const LOSSES: Self = Self {
        losses: 300,
        splits: 150,
        ..Self::FAILOVERS
    };
    pub(crate) const RESTORES: Self = Self {
        restores: 250,
        splits: 150,
        ..Self::FAILOVERS
    };
    pub(crate) const ROLLBACKS: Self = Self {
        rollbacks: 300,
        splits: 150,
        ..Self::FAILOVERS
    };
    pub(crate) const SINKS: Self = Self {
        sinks: 3,
        resyncs: 400,
        ..Self::FAILOVERS
    };
    pub(crate) const PUT_BACKS: Self = Self {
        put_backs: 300,
        ..Self::FAILOVERS
    };
    pub(crate) const EVERYTHING: Self = Self {
        unproven_percent: 5,
        splits: 200,
        prunes: 40,
        crashes: 60,
        resets: 60,
        flips: 15,
        losses: 1_000,
        restores: 600,
        rollbacks: 1_000,
        resyncs: 1_000,
        put_backs: 1_500,
        sinks: 2,
        ..Self::FAILOVERS
    };
}
