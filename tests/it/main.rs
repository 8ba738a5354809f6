//! The integration tests: one binary, one module per behaviour, the true parts throughout.
//!
//! | module | what must hold |
//! |---|---|
//! | [`access`] | every route and topic, asked by every kind of caller: the table in `docs/access.md` holds |
//! | [`accounts`] | registering and signing in tell nobody who has an account; sessions, tokens and links end |
//! | [`audit`] | every promise, broken behind the triggers' back, is found |
//! | [`audit_trail`] | every write by staff leaves an entry, or says why not |
//! | [`auth`] | who may do what, by token and by header |
//! | [`availability`] | what is left, its words, what caches may keep, and that writers read what they wrote |
//! | [`bench`] | what `seatcast bench` measures, it measures to the end, and leaves nothing behind |
//! | [`booking`] | bookings by REST are made, read, given back, and refused in so many words |
//! | [`nats`] | NATS carries the log between nodes, and may lose it: whatever dies, nobody falls behind |
//! | [`contention`] | many buyers, few tickets: nothing is sold twice, by REST and by plain SQL at once |
//! | [`crash`] | after `kill -9` in the middle of a rush, a retry finds each booking made exactly once |
//! | [`continuity`] | no viewer misses a change without knowing it, whatever dies |
//! | [`desk`] | the desk grants what there is, once per key, and stores what it answers |
//! | [`dialect`] | every published table is watched on any channel of the dialect |
//! | [`docs`] | README and docs say what is: links, commands, settings, routes, codes, files |
//! | [`doctor`] | `seatcast doctor` finds what is in the way, and says what to do |
//! | [`doors`] | addresses are known behind proxies, nobody asks too often or gets more than a person's share |
//! | [`doorbell`] | the bell rings, notices that it is off or deaf, and comes back |
//! | [`dumps`] | a restored dump is the same database, and goes on selling |
//! | [`embedded`] | the private Postgres starts, keeps its data, ends and recovers |
//! | [`events`] | events are made, found, changed and deleted by their organizers, and hidden while drafts |
//! | [`expiry`] | a hold ends at its deadline, its stock is on sale again, and viewers see it |
//! | [`failures`] | what callers are told when the database is away, slow or broken |
//! | [`feed`] | every change reaches the shards, whoever makes it and whatever breaks |
//! | [`freshness`] | a node that lost its database says so, and answers instead of hanging |
//! | [`holders`] | accounts see the tickets that they took over, live, and nothing of the booking |
//! | [`idempotency`] | a request that is sent again is done once, whichever node it comes to |
//! | [`guest`] | in a database of others Seatcast keeps to its schema, and roles to what they may |
//! | [`hall`] | seats count as seats, in every place that says a number |
//! | [`hidden`] | hidden ticket types are shown to the event's people alone, and numbers stay right |
//! | [`interactions`] | what people did is taken in, stored in batches, bounded, and makes nobody wait |
//! | [`issuers`] | tokens of other issuers: keys come and go, people keep their user, nothing forged is believed |
//! | [`mail`] | links and codes in mails, sent by jobs to a real SMTP server |
//! | [`metrics`] | `/metrics` counts what happens |
//! | [`nodes`] | several nodes on one database: presence is one number, and ends with its node |
//! | [`notices`] | every viewer is told of each notice once, by whatever door it was made |
//! | [`numbers`] | sales over time are those of the tables, funnels count visitors, tables for spreadsheets are whole or say so |
//! | [`openapi`] | the document is complete and sound, its page needs nobody else |
//! | [`restart`] | a node that goes down sends its clients away in order; after a killed one, they storm another |
//! | [`hostile`] | slow, silent and hostile clients are bounded, answered, and harm nobody |
//! | [`payments`] | money, against a provider outside of the process |
//! | [`money`] | money for bookings: declined, late, lost, given back, and never taken twice |
//! | [`plans`] | no statement of the hot path scans what grows, on a full database and on one that grew |
//! | [`postgrest`] | Supabase clients read tables and insert interactions as with PostgREST, and are refused in its shape |
//! | [`proxies`] | nginx, HAProxy and Caddy with our files pass everything, and clients are told apart behind them |
//! | [`refunds`] | money goes back once, to the unit, with its tickets; a cancelled event gives all of it back |
//! | [`reserves`] | what vouchers set aside is for their bearers alone, comes back to them, and ends with the voucher |
//! | [`routes`] | every route refuses whom it is not for; envelopes, languages, limits |
//! | [`post`] | buyers are told once of what became of their booking, with their tickets |
//! | [`presence`] | native viewers and the dialect's members are one number |
//! | [`push`] | browsers are told once of what they asked for, by a push service outside of the process |
//! | [`prices`] | taxes, fees and vouchers: what a booking costs, and what the books say of it |
//! | [`schema`] | the schema moves, logs and refuses what it should, for plain SQL |
//! | [`seats`] | seat maps are drawn and redrawn around what is sold; seats are taken off sale |
//! | [`serving`] | the server starts, serves, drains, and ends when a part of it does |
//! | [`private`] | a user sees its own bookings, an organizer its figures, whoever writes them, and nobody else does |
//! | [`socket`] | handshake, joins, limits, bad input; a stalled viewer converges |
//! | [`sources`] | the endpoints and examples of the documents that Seatcast was specified by answer as they say |
//! | [`sse`] | server-sent events carry what the socket carries, resume, end in order |
//! | [`swap`] | a pending booking is about other tickets, all or nothing, until the same deadline |
//! | [`starting`] | a node waits for its database, refuses poolers without sessions, makes do with few connections |
//! | [`tickets`] | a bought ticket has a QR and papers, and opens the door once |
//! | [`tidy`] | the sources keep the arrows and absences of `ARCHITECTURE.md` |
//! | [`traces`] | a booking can be followed from its request to its viewers, by traces and by the log |
//! | [`tls`] | connections to the database are encrypted as its address says, all of them |
//! | [`waitlist`] | what comes free is offered to those who wait, in order, and nobody snatches it |
//! | [`watch`] | the terminal's table shows every change, and says when it cannot |
//! | [`writers`] | counters, log and tables agree, whoever writes; the audit notices when a guard is gone |
//!
//! [`support`] has their surroundings: a Postgres for the run, a migrated database for each test, links that can be
//! cut.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod accounts;
mod audit;
mod audit_trail;
mod auth;
mod availability;
mod bench;
mod booking;
mod contention;
mod continuity;
mod crash;
mod desk;
mod dialect;
mod docs;
mod doctor;
mod doorbell;
mod doors;
mod dumps;
mod embedded;
mod events;
mod expiry;
mod failures;
mod feed;
mod freshness;
mod guest;
mod hall;
mod hidden;
mod holders;
mod hostile;
mod idempotency;
mod interactions;
mod issuers;
mod mail;
mod metrics;
mod money;
mod nats;
mod nodes;
mod notices;
mod numbers;
mod openapi;
mod payments;
mod plans;
mod post;
mod postgrest;
mod presence;
mod prices;
mod private;
mod proxies;
mod push;
mod refunds;
mod reserves;
mod restart;
mod routes;
mod schema;
mod seats;
mod serving;
mod socket;
mod sources;
mod sse;
mod starting;
mod support;
mod swap;
mod tickets;
mod tidy;
mod tls;
mod traces;
mod waitlist;
mod watch;
mod writers;
