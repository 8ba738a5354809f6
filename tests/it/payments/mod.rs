//! Money, against a provider outside of the process.
//!
//! | module | what must hold |
//! |---|---|
//! | [`guards`] | what the database refuses, whoever writes it |
//! | [`offline`] | what is paid in days is held until its deadline, marked paid by staff, or ends |
//! | [`reviews`] | payments and jobs that wait for a person are listed, and worked off once; invoices are printed |
//! | [`owed`] | a confirmed booking whose money did not come is paid again, or a person decides |
//! | [`killed`] | whole purchases while servers are killed and Postgres crashes |
//! | [`model`] | people who do anything, in any order, beside a model of what they were told |
//! | [`rules`] | declines, lost and doubled messages, late money, other amounts, faults at every step |
//! | [`localstripe`] | a hold is paid, cancelled and refunded against a stand-in that others wrote |
//! | [`movements`] | refunds and disputes that we did not make are booked once, and wait for a person |
//! | [`stand_ins`] | our stand-in for Stripe is understood by Stripe's own client |
//! | [`stripe_mock`] | Stripe's own description of its API has every request that is made |
//! | [`together`] | attempts of many buyers at the same moment share statements, and each is begun and settled once |
//! | [`webhooks`] | many webhooks at once, doubled and in any order, lose nothing |

mod guards;
mod killed;
mod localstripe;
mod methods;
mod model;
mod movements;
mod offline;
mod owed;
mod reviews;
mod rules;
mod servers;
mod shop;
mod stand_ins;
mod stripe_mock;
mod together;
mod webhooks;
