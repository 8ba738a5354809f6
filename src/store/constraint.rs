//! Maps names of constraints to rules that a caller can break. The only such table.
//!
//! The server checks before it writes, so a constraint fails only when somebody else has written meanwhile, perhaps by
//! plain SQL. The names are defined in `sql/`.

/// A rule of the schema that a caller can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// More tickets than are left.
    Stock,
    /// A seat is taken, blocked, or of another ticket type.
    Seat,
    /// The buyer has a pending booking for the event.
    OnePending,
    /// There is no such user.
    User,
    /// Bookings or seats refer to the ticket type.
    TicketTypeInUse,
    /// Seats for a ticket type of which units are claimed.
    UnitsClaimed,
    EmailTaken,
    PhoneTaken,
    /// More live bookings with a voucher than may use it.
    VoucherUses,
    /// Bookings have used the voucher.
    VoucherInUse,
    /// A voucher sets aside units of no ticket type, or of several, or of another one than bookings have taken.
    Reserve,
    /// Another voucher of the event has the code.
    VoucherCodeTaken,
    /// The event, ticket type or organization has a tax.
    TaxExists,
    /// The event has no ticket type that the tax names.
    TaxedType,
    /// A percentage above the whole.
    Percentage,
    /// A voucher would end before it begins.
    VoucherWindow,
    /// A ticket type's sale would end before it begins.
    SaleWindow,
    /// An event would end before it begins, or at once.
    EndsAfterStart,
    /// The doors would open after the event has begun.
    DoorsBeforeStart,
    /// A ticket type's minimum per booking is above its maximum.
    LimitsOrdered,
    /// A text, or a number written out, that is longer than its column.
    Length,
    /// A value outside of what its column takes.
    Bound,
    /// The deadline of a command has passed by the database's clock.
    Late,
    /// Another transaction has changed a booking since it was read.
    Changed,
    /// The attempt that a booking is sold to ended, or was let go, since its charge was looked at.
    LetGo,
    /// A random reference exists already, or another transaction stored the same idempotency key: a new try succeeds, or
    /// finds the stored answer.
    Again,
}

/// `None`: no rule that a caller can break.
pub fn rule(name: &str) -> Option<Rule> {
    Some(match name {
        "pools_no_oversell" => Rule::Stock,
        "claims_one_live_seat"
        | "claims_seat_not_blocked"
        | "claims_seat_of_type"
        | "seats_blocked_not_claimed" => Rule::Seat,
        "bookings_one_pending" => Rule::OnePending,
        "bookings_user_exists" | "events_organizer_exists" | "notices_author_exists" => Rule::User,
        "booking_items_type_exists" | "claims_type_of_event" | "tickets_type_of_event" => {
            Rule::TicketTypeInUse
        }
        "claims_seated_as_type" => Rule::UnitsClaimed,
        // Its voucher is of another ticket type by now.
        "claims_voucher_of_type" => Rule::Changed,
        "vouchers_not_overused" => Rule::VoucherUses,
        "voucher_uses_voucher_exists" => Rule::VoucherInUse,
        "vouchers_reserve_of_one_type" | "vouchers_reserve_in_use" => Rule::Reserve,
        "vouchers_code_unique" => Rule::VoucherCodeTaken,
        "taxes_one_a_type" | "taxes_one_a_country" => Rule::TaxExists,
        "taxes_type_of_event" => Rule::TaxedType,
        "fees_percent_bound" | "vouchers_percent_bound" => Rule::Percentage,
        "vouchers_window" => Rule::VoucherWindow,
        "users_email_unique" => Rule::EmailTaken,
        "users_phone_unique" => Rule::PhoneTaken,
        "ticket_types_sale_window" => Rule::SaleWindow,
        "events_ends_after_start" => Rule::EndsAfterStart,
        "events_doors_before_start" => Rule::DoorsBeforeStart,
        "ticket_types_limits_ordered" => Rule::LimitsOrdered,
        super::desk::IN_TIME => Rule::Late,
        super::desk::AS_READ => Rule::Changed,
        super::desk::STILL_PAYING => Rule::LetGo,
        "bookings_reference_unique"
        | "tickets_code_unique"
        | "ticket_holders_code_unique"
        | "transfers_one_pending"
        | "checkins_by_nonce"
        | "checkins_one_admission"
        | "ticket_keys_pkey"
        | super::idempotency::KEY_TAKEN => Rule::Again,
        // Lengths are checked before; only a number may be longer in the database than it was on the wire.
        name if name.ends_with("_length") => Rule::Length,
        name if name.ends_with("_bound") => Rule::Bound,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_of_the_schema_have_a_meaning() {
        assert_eq!(rule("pools_no_oversell"), Some(Rule::Stock));
        assert_eq!(rule("claims_one_live_seat"), Some(Rule::Seat));
        assert_eq!(rule("idempotency_keys_pkey"), Some(Rule::Again));
        assert_eq!(rule("events_title_length"), Some(Rule::Length));
        assert_eq!(rule("booking_items_pkey"), None);
    }
}
