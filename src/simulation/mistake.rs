//! The mistakes that `mistaken!` makes, one at a time and in one thread.

use std::cell::Cell;

/// See the table in the module above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    SkipReread,
    LoadThenListen,
    ForgetPending,
    ClaimOverGap,
    KeepRewound,
    PublishOverGap,
    RingOffByOne,
    ResumeBeyondRing,
    MergeBackwards,
    ApplyOverGap,
    DropLeave,
    LoseUntrack,
}

impl Mistake {
    pub(super) const ALL: [Mistake; 12] = [
        Mistake::SkipReread,
        Mistake::LoadThenListen,
        Mistake::ForgetPending,
        Mistake::ClaimOverGap,
        Mistake::KeepRewound,
        Mistake::PublishOverGap,
        Mistake::RingOffByOne,
        Mistake::ResumeBeyondRing,
        Mistake::MergeBackwards,
        Mistake::ApplyOverGap,
        Mistake::DropLeave,
        Mistake::LoseUntrack,
    ];
}

thread_local! {
    static MADE: Cell<Option<Mistake>> = const { Cell::new(None) };
}

pub(crate) fn is(mistake: Mistake) -> bool {
    MADE.get() == Some(mistake)
}

/// From here on this thread makes it.
pub(super) fn make(mistake: Option<Mistake>) {
    MADE.set(mistake);
}
