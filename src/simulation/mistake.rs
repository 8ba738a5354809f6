//! The mistakes that `mistaken!` makes, one at a time and in one thread.

use std::cell::Cell;

use super::check::Check;

/// The table in `simulation/mod.rs` explains them.
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
    ResumeLost,
    ForgetMoved,
    ProveByOthers,
    StayAtPlace,
    ForgetWhenLevel,
    DropLeave,
    LoseUntrack,
    ForgetGone,
    KeepHandedOn,
    AnswerBehind,
    BeatBeforeFrames,
    ForgetLostOnStreams,
    DecideTooLate,
    OffenderTakesAll,
    KeepExpiredStock,
    LeaveOverdue,
    ForgetGuests,
    SwapKeepsStock,
    OfferTwice,
    SnatchFreed,
    LeaveOpen,
    HoardReserve,
    KeepReserveAside,
    WithdrawInCompany,
    ResumeAnywhere,
    ClaimReadsEnd,
    BeatByEvents,
    AnswerEarly,
    LoseRing,
    SettleFirst,
    LoseSettling,
    GiveUpEarly,
    WorkOn,
    LeaveTheRest,
    CaptureUnsold,
    AckFirst,
    SellGone,
    RefundTwice,
    RefundByBooking,
    RemindPaid,
    ConfirmUndone,
    CancelUnread,
    TicketTwice,
    KeepRest,
    NeedCustomer,
    PushPaid,
    PushTwice,
    AnswerAnother,
    LeaveGone,
    StayServed,
    RefuseTogether,
    AskTheAbsent,
    KeepPlace,
    SellLetGo,
    ReleaseUnread,
    CancelPaid,
    LeaveInProcess,
    ReviewTaken,
    PayBeside,
}

impl Mistake {
    /// Each mistake with the check that has to catch it.
    pub(super) const ALL: [(Mistake, Check); 27] = [
        (Mistake::SkipReread, Check::Convergence),
        (Mistake::LoadThenListen, Check::Convergence),
        (Mistake::ForgetPending, Check::Convergence),
        (Mistake::ClaimOverGap, Check::Freshness),
        (Mistake::KeepRewound, Check::Convergence),
        (Mistake::PublishOverGap, Check::Continuity),
        (Mistake::RingOffByOne, Check::Picture),
        (Mistake::ResumeBeyondRing, Check::Picture),
        (Mistake::MergeBackwards, Check::Picture),
        (Mistake::ApplyOverGap, Check::Picture),
        (Mistake::ResumeLost, Check::Convergence),
        (Mistake::ForgetMoved, Check::Picture),
        (Mistake::StayAtPlace, Check::Picture),
        (Mistake::ProveByOthers, Check::Freshness),
        (Mistake::ForgetWhenLevel, Check::Picture),
        (Mistake::DropLeave, Check::Presence),
        (Mistake::LoseUntrack, Check::Presence),
        (Mistake::AnswerBehind, Check::Picture),
        (Mistake::BeatBeforeFrames, Check::Continuity),
        (Mistake::ForgetLostOnStreams, Check::Convergence),
        (Mistake::ForgetGone, Check::Picture),
        (Mistake::KeepHandedOn, Check::Picture),
        (Mistake::ResumeAnywhere, Check::Picture),
        (Mistake::ClaimReadsEnd, Check::Picture),
        (Mistake::BeatByEvents, Check::Freshness),
        (Mistake::AnswerEarly, Check::Picture),
        (Mistake::LoseRing, Check::Convergence),
    ];
}

thread_local! {
    static MADE: Cell<Option<Mistake>> = const { Cell::new(None) };
}

pub(crate) fn is(mistake: Mistake) -> bool {
    MADE.get() == Some(mistake)
}

/// Sets the mistake that this thread makes from now on.
pub(crate) fn make(mistake: Option<Mistake>) {
    MADE.set(mistake);
}
