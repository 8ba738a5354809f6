//! `/rest/v1/`: the reads that Supabase clients make, and the insert of interactions, in the forms of PostgREST, so that
//! code written for Supabase runs with only address and key changed.
//!
//! The tables are those of the Supabase dialect (`protocol::supabase`), with the same columns and values; a filter has
//! the conditions that a binding's filter has. What is served is a part of PostgREST, and everything else is refused in
//! its shape: `{code, details, hint, message}`.
//!
//! - `columns`, `filter`, `order`, `query`: the query string → a query of the store. Pure.
//! - `headers`: `Accept`, `Prefer`, `Range` and `Content-Range`. Pure.
//! - `insert`: rows of a body → interactions. Pure.
//! - `answer`: rows → JSON or CSV, with status and headers.
//! - `error`: refusals.
//! - `route`: the routes.

mod answer;
mod columns;
mod error;
mod filter;
mod headers;
mod insert;
mod order;
mod query;
mod route;

pub use route::{RestTables, document, router};
