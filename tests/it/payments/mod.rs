//! Money, against a provider outside of the process.
//!
//! | module | what must hold |
//! |---|---|
//! | [`rules`] | declines, lost and doubled messages, late money, other amounts, faults at every step |
//! | [`stand_ins`] | our stand-in for Stripe is understood by Stripe's own client |

mod rules;
mod stand_ins;
