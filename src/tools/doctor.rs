//! `seatcast doctor`: what this machine and database allow.

use std::net::IpAddr;

use crate::auth::Auth;
use crate::config::{Config, Switch};
use crate::descriptors;
use crate::embedded::{Embedded, Prospect};
use crate::mail::Mailer;
use crate::payments::stripe::Stripe;
use crate::run::RunError;
use crate::store::StoreError;
use crate::store::doctor::{self, Condition, Diagnosis};
use crate::telemetry::{choose_cryptography, with_causes};

/// Looks at everything that can be looked at; what cannot be reached is a symptom, not an error.
///
/// # Errors
/// The database's address cannot be read.
pub async fn examine(config: &Config, url: &str) -> Result<Diagnosis, StoreError> {
    let database = doctor::examine(config, url).await?;
    Ok(with_machine(config, database))
}

/// Looks at what the first start would use, where no database is given and no private Postgres is there yet. `None`: one is
/// there. Makes nothing.
pub fn examine_without_database(config: &Config) -> Option<Diagnosis> {
    let mut database = Diagnosis::default();
    match Embedded::prospect(&config.database) {
        Ok(None) => return None,
        Ok(Some(Prospect { dir, major })) => {
            let says = format!(
                "none yet; the first start makes a private one, of Postgres {major}, in {}",
                dir.display()
            );
            let mend = "start the server, or name another database with --database-url";
            database.note("database", says, Some((Condition::Warning, mend)));
        }
        Err(error) => {
            let says = format!("none yet, and no private one can be made: {error}");
            let mend = "see the message, or name a database with --database-url";
            database.note("database", says, Some((Condition::Ill, mend)));
        }
    }
    Some(with_machine(config, database))
}

/// Findings about the machine, and then about the database.
fn with_machine(config: &Config, database: Diagnosis) -> Diagnosis {
    let mut found = Diagnosis::default();
    let is_demo = database.is_demo();
    settings(config, &mut found);
    files(config, is_demo, &mut found);
    proxies(config, is_demo, &mut found);
    found.0.extend(database.0);
    found
}

/// Settings that the server would refuse to start with.
fn settings(config: &Config, found: &mut Diagnosis) {
    choose_cryptography();
    let checked = || -> Result<(), RunError> {
        config.validate()?;
        Auth::new(&config.auth)?;
        Mailer::new(&config.mail, config.auth.dev)?;
        Stripe::new(&config.stripe)?;
        Ok(())
    };
    match checked() {
        Ok(()) => found.note("settings", "the server starts with them", None),
        Err(error) => {
            let mend = "see the message, and docs/configuration.md";
            let says = with_causes(&error);
            found.note("settings", says, Some((Condition::Ill, mend)));
        }
    }
}

/// How the clients of a proxy are told apart: limits and guests' shares of an event go by address.
fn proxies(config: &Config, is_demo: bool, found: &mut Diagnosis) {
    let http = &config.http;
    let is_near = match http.host {
        IpAddr::V4(host) => host.is_loopback() || host.is_private(),
        IpAddr::V6(host) => host.is_loopback() || host.is_unique_local(),
    };
    let (says, bad) = if config.limits.limits == Switch::Off {
        ("limits are off, addresses do not matter", None)
    } else if is_demo && http.trusted_proxies.is_empty() {
        ("the demo serves this machine, without a proxy", None)
    } else if http.trusted_proxies.is_empty() && is_near {
        let mend = "name the proxy in --trusted-proxies, and the header that it writes in --forwarded-header";
        let says = "clients reach this address through a proxy, if at all, and none is trusted: all of them share one address";
        (says, Some((Condition::Warning, mend)))
    } else if http.trusted_proxies.is_empty() {
        (
            "none is trusted: each connection's own address is its client's",
            None,
        )
    } else if http.forwarded_header.is_none() && !http.proxy_protocol {
        let mend = "name the header that the proxy writes in --forwarded-header";
        let says = "a client that sends a forwarding header which the proxy passes on counts as the proxy itself";
        (says, Some((Condition::Warning, mend)))
    } else {
        ("trusted, and how they name a client is known", None)
    };
    found.note("proxies", says, bad);
}

/// Open files of this process.
fn files(config: &Config, is_demo: bool, found: &mut Diagnosis) {
    descriptors::raise_limit();
    let mut bounded = config.clone();
    let asked = config.socket.connections_max;
    match descriptors::share_out(&mut bounded, 1) {
        Ok(_) if bounded.socket.connections_max < asked => {
            let says = format!(
                "room for {} viewers, {asked} are configured",
                bounded.socket.connections_max
            );
            let mend = "raise the limit of open files (ulimit -n; LimitNOFILE= in a systemd unit)";
            let bad = (!is_demo).then_some((Condition::Warning, mend));
            found.note("open files", says, bad);
        }
        Ok(_) => found.note("open files", format!("room for {asked} viewers"), None),
        Err(error) => {
            let mend = "raise the limit of open files (ulimit -n; LimitNOFILE= in a systemd unit)";
            found.note(
                "open files",
                error.to_string(),
                Some((Condition::Ill, mend)),
            );
        }
    }
}
