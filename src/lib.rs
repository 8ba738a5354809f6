//! Seatcast sells tickets and pushes, live, what is left.

pub mod api;
pub mod auth;
pub mod bench;
pub mod board;
pub mod cli;
pub mod config;
pub mod desk;
pub mod embedded;
pub mod feed;
pub mod http;
pub mod hub;
pub mod protocol;
pub mod run;
pub mod socket;
pub mod store;
pub mod sweep;
pub mod telemetry;
pub mod ticketing;
pub mod watch;
pub mod web;
