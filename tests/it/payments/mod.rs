//! Money, against a provider outside of the process.
//!
//! | module | what must hold |
//! |---|---|
//! | [`stand_ins`] | our stand-in for Stripe is understood by Stripe's own client |

mod stand_ins;
