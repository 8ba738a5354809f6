//! Admission of a ticket at the door. Pure: a ticket as it stands and what was shown, in; the result, out.
//!
//! ```text
//! valid ───────► used ──undo──► valid
//! transferred ─► used ──undo──► transferred        void: never again
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EventId;
use super::record::TicketStatus;

/// The result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanResult {
    Admitted,
    /// Somebody was let in with it before.
    AlreadyUsed,
    /// It was taken back.
    Void,
    /// The code or QR is of the time before a transfer: somebody else holds the ticket.
    Replaced,
    WrongEvent,
    /// It is no ticket of ours.
    Unknown,
    /// The nonce is that of a scan of something else: it was not looked at.
    NonceReused,
}

impl ScanResult {
    /// Those that are kept.
    pub const KEPT: [ScanResult; 6] = [
        ScanResult::Admitted,
        ScanResult::AlreadyUsed,
        ScanResult::Void,
        ScanResult::Replaced,
        ScanResult::WrongEvent,
        ScanResult::Unknown,
    ];

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            ScanResult::Admitted => "admitted",
            ScanResult::AlreadyUsed => "already_used",
            ScanResult::Void => "void",
            ScanResult::Replaced => "replaced",
            ScanResult::WrongEvent => "wrong_event",
            ScanResult::Unknown => "unknown",
            ScanResult::NonceReused => "nonce_reused",
        }
    }

    pub fn parse(text: &str) -> Option<ScanResult> {
        let mut kept = ScanResult::KEPT.into_iter();
        kept.find(|result| result.as_str() == text)
    }
}

/// A ticket as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketStanding {
    pub event: EventId,
    pub status: TicketStatus,
    pub generation: u16,
    /// Whether the event takes place: no ticket of one that was cancelled lets anybody in, also while it is not void yet.
    pub stands: bool,
}

/// The code or pass that was shown at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A code that is good now.
    Code,
    /// The code by which the booking names the ticket, which somebody else holds.
    OldCode,
    /// A signed QR.
    Pass { generation: u16 },
}

/// Whether the ticket opens a door of `event`. What is void stays void, whether or not it was used, since money went back
/// for it; so is every ticket of a cancelled event with which nobody was in. A ticket of another event says so before
/// anything else, and is not used up.
pub fn scan(standing: TicketStanding, event: EventId, shown: Shown) -> ScanResult {
    let is_current = match shown {
        Shown::Code => true,
        Shown::OldCode => false,
        Shown::Pass { generation } => generation == standing.generation,
    };
    match standing.status {
        _ if standing.event != event => ScanResult::WrongEvent,
        TicketStatus::Void => ScanResult::Void,
        _ if !is_current => ScanResult::Replaced,
        TicketStatus::Used => ScanResult::AlreadyUsed,
        _ if !standing.stands => ScanResult::Void,
        TicketStatus::Valid | TicketStatus::Transferred => ScanResult::Admitted,
    }
}

/// The state of a used ticket whose scan is undone; `None`: there is nothing to undo.
pub fn undone(status: TicketStatus, generation: u16) -> Option<TicketStatus> {
    match (status, generation) {
        (TicketStatus::Used, 1) => Some(TicketStatus::Valid),
        (TicketStatus::Used, _) => Some(TicketStatus::Transferred),
        _ => None,
    }
}

/// Why a ticket is not handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferRefusal {
    /// The event has begun, has ended or was cancelled.
    Closed,
    /// It was used or taken back, or its booking is not confirmed.
    NotTransferable,
    /// It is offered to somebody already.
    Pending,
    /// It was offered as often as it may be for now: each offer is a mail to an address of the holder's choice.
    TooMany,
}

impl TransferRefusal {
    pub fn code(self) -> &'static str {
        match self {
            TransferRefusal::Closed => "TRANSFERS_CLOSED",
            TransferRefusal::NotTransferable => "TICKET_NOT_VALID",
            TransferRefusal::Pending => "TRANSFER_PENDING",
            TransferRefusal::TooMany => "TOO_MANY_OFFERS",
        }
    }
}

/// A ticket that somebody wants to hand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    pub status: TicketStatus,
    pub generation: u16,
    /// Whether an offer of it waits.
    pub pending: bool,
    pub starts_at: Timestamp,
    /// Whether the event takes place.
    pub stands: bool,
}

/// Whether a ticket may be offered, or an offer of it accepted, which `pending` then is not asked for.
pub fn transfer(offered: &Offered, now: Timestamp) -> Result<(), TransferRefusal> {
    let is_good = matches!(
        offered.status,
        TicketStatus::Valid | TicketStatus::Transferred
    );
    match offered {
        _ if !offered.stands || offered.starts_at <= now => Err(TransferRefusal::Closed),
        _ if !is_good || offered.generation == u16::MAX => Err(TransferRefusal::NotTransferable),
        Offered { pending: true, .. } => Err(TransferRefusal::Pending),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const STATUSES: [TicketStatus; 4] = [
        TicketStatus::Valid,
        TicketStatus::Used,
        TicketStatus::Transferred,
        TicketStatus::Void,
    ];

    #[test]
    fn void_beats_used_and_an_old_code_opens_nothing() {
        let standing = |status, generation| TicketStanding {
            event: EventId(1),
            status,
            generation,
            stands: true,
        };
        let cancelled = |status| TicketStanding {
            stands: false,
            ..standing(status, 1)
        };
        let shown = Shown::Pass { generation: 2 };
        for (standing, event, shown, result) in [
            (
                standing(TicketStatus::Valid, 1),
                1,
                Shown::Code,
                ScanResult::Admitted,
            ),
            (
                standing(TicketStatus::Transferred, 2),
                1,
                shown,
                ScanResult::Admitted,
            ),
            (
                standing(TicketStatus::Transferred, 3),
                1,
                shown,
                ScanResult::Replaced,
            ),
            (
                standing(TicketStatus::Transferred, 2),
                1,
                Shown::OldCode,
                ScanResult::Replaced,
            ),
            (
                standing(TicketStatus::Used, 2),
                1,
                shown,
                ScanResult::AlreadyUsed,
            ),
            (standing(TicketStatus::Void, 2), 1, shown, ScanResult::Void),
            (standing(TicketStatus::Void, 9), 1, shown, ScanResult::Void),
            (
                standing(TicketStatus::Valid, 1),
                2,
                Shown::Code,
                ScanResult::WrongEvent,
            ),
            (
                cancelled(TicketStatus::Valid),
                1,
                Shown::Code,
                ScanResult::Void,
            ),
            (
                cancelled(TicketStatus::Used),
                1,
                Shown::Code,
                ScanResult::AlreadyUsed,
            ),
        ] {
            assert_eq!(
                scan(standing, EventId(event), shown),
                result,
                "{standing:?}"
            );
        }
    }

    proptest! {
        /// Scans, undos, transfers and voids in any order: between two admissions there is always an undo.
        #[test]
        fn a_ticket_admits_once_until_it_is_undone(steps in proptest::collection::vec(0_u8..5, 1..60)) {
            let (mut standing, mut inside, mut ever_void) = (TicketStanding {
                event: EventId(1), status: TicketStatus::Valid, generation: 1, stands: true,
            }, false, false);
            for step in steps {
                match step {
                    0 | 1 => {
                        let generation = standing.generation - u16::from(step == 1 && standing.generation > 1);
                        let result = scan(standing, EventId(1), Shown::Pass { generation });
                        if result == ScanResult::Admitted {
                            prop_assert!(!inside && !ever_void && generation == standing.generation);
                            (standing.status, inside) = (TicketStatus::Used, true);
                        }
                    }
                    2 => {
                        if let Some(status) = undone(standing.status, standing.generation) {
                            prop_assert!(inside);
                            (standing.status, inside) = (status, false);
                        }
                    }
                    3 => {
                        let offered = Offered {
                            status: standing.status, generation: standing.generation, pending: false,
                            starts_at: Timestamp::MAX, stands: true,
                        };
                        if transfer(&offered, Timestamp::UNIX_EPOCH).is_ok() {
                            prop_assert!(!inside);
                            standing.generation += 1;
                            standing.status = TicketStatus::Transferred;
                        }
                    }
                    _ => (standing.status, ever_void) = (TicketStatus::Void, true),
                }
            }
        }

        #[test]
        fn nothing_is_handed_on_after_the_start(status in 0_usize..4, generation in 1_u16.., pending: bool) {
            let offered = Offered {
                status: STATUSES[status], generation, pending, starts_at: Timestamp::UNIX_EPOCH, stands: true,
            };
            prop_assert_eq!(transfer(&offered, Timestamp::UNIX_EPOCH), Err(TransferRefusal::Closed));
        }
    }
}
