//! Connects to the database, with the settings in `DATABASE_URL` and our own.
//!
//! tokio-postgres reads such addresses, but knows only some of libpq's TLS settings; so `sslmode` and `sslrootcert` are
//! taken out and handled by [`super::tls`].

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, RecyclingMethod};
use futures_util::future::{BoxFuture, poll_fn};
use percent_encoding::percent_decode_str;
use regex::Regex;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::StoreError;
use super::tls::{self, Trust};
use crate::config::DatabaseConfig;
use crate::telemetry::outage::Outage;
use crate::telemetry::with_causes;

/// Time in which a connection says goodbye, once nobody needs it. Postgres logs a line for each that does not.
pub(super) const GOODBYE_MAX: Duration = Duration::from_millis(500);

/// The future that moves a [`Client`]'s messages; it has to be polled or spawned.
pub(super) type Connection =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// The database's address and the TLS settings.
#[derive(Clone)]
pub(super) struct DatabaseAddress {
    settings: Config,
    tls: MakeRustlsConnect,
    /// The statement that sets the parameters of each session.
    session: String,
    schema: String,
    /// The connections of pools.
    pooled: TaskTracker,
}

impl DatabaseAddress {
    /// # Errors
    /// [`StoreError::BadAddress`] names the error in `url`.
    pub(super) fn read(config: &DatabaseConfig, url: &str) -> Result<DatabaseAddress, StoreError> {
        let bad = |why: String| StoreError::BadAddress(why.into());
        let Split {
            rest,
            sslmode,
            sslrootcert,
        } = split(url.trim()).map_err(bad)?;
        let trust = Trust::read(sslmode.as_deref(), sslrootcert.as_deref()).map_err(bad)?;
        let mut settings = rest
            .parse()
            .map_err(|error: tokio_postgres::Error| StoreError::BadAddress(error.into()))?;
        if !is_plain_name(&config.schema) {
            let why = format!(
                "{:?} is no name for a schema: small letters, digits and _",
                config.schema
            );
            return Err(bad(why));
        }
        ours(config, &mut settings);
        encryption(&trust, &mut settings);
        Ok(DatabaseAddress {
            session: session(config, settings.get_options().unwrap_or_default()),
            settings,
            tls: tls::connector(&trust).map_err(bad)?,
            schema: config.schema.clone(),
            pooled: TaskTracker::new(),
        })
    }

    /// The schema of our tables; a name that needs no quotes in SQL.
    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// Opens a connection outside of any pool. The caller bounds the time that it takes.
    pub(super) async fn connect(&self) -> Result<(Client, Connection), tokio_postgres::Error> {
        let (client, mut connection) = match self.settings.connect(self.tls.clone()).await {
            Err(error) if self.takes_plain_instead_of(&error) => {
                let mut settings = self.settings.clone();
                settings.ssl_mode(SslMode::Disable);
                settings.connect(self.tls.clone()).await?
            }
            outcome => outcome?,
        };
        {
            let mut setting = pin!(client.batch_execute(&self.session));
            // The connection is not spawned yet, so it is polled here; its messages are ignored.
            let mut moving = pin!(async {
                while let Some(Ok(_)) = poll_fn(|context| connection.poll_message(context)).await {}
            });
            tokio::select! {
                set = &mut setting => set?,
                () = &mut moving => setting.await?,
            }
        }
        Ok((client, connection))
    }

    /// Waits until the connections of closed pools have ended, for a moment at most.
    pub(super) async fn ended(&self) {
        self.pooled.close();
        let _ = tokio::time::timeout(GOODBYE_MAX, self.pooled.wait()).await;
    }

    /// The manager of a pool's connections.
    pub(super) fn manager(&self) -> Manager {
        let fast = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        Manager::from_connect(self.settings.clone(), Dial(self.clone()), fast)
    }

    /// Whether `sslmode=prefer` has to try again without TLS: it failed, or the server refuses it (`hostnossl` in its
    /// `pg_hba.conf`).
    fn takes_plain_instead_of(&self, error: &tokio_postgres::Error) -> bool {
        self.settings.get_ssl_mode() == SslMode::Prefer
            && (tls::is_failure(error)
                || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION))
    }
}

/// Connections of the pool that broke since the last one was made: with the database all of them break at once.
static LOST: Outage = Outage::new();

fn lost(error: &tokio_postgres::Error) {
    let error = with_causes(error);
    match LOST.failed() {
        Some(connections) => tracing::warn!(connections, error, "connections of the pool are lost"),
        None => tracing::debug!(error, "a connection of the pool is lost"),
    }
}

/// Makes the connections of a pool.
struct Dial(DatabaseAddress);

impl Connect for Dial {
    fn connect(
        &self,
        _settings: &Config,
    ) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        Box::pin(async move {
            let (client, connection) = self.0.connect().await?;
            LOST.over();
            let (hold, released) = oneshot::channel::<()>();
            self.0.pooled.spawn(async move {
                let parting = async {
                    let _ = released.await;
                    tokio::time::sleep(GOODBYE_MAX).await;
                };
                tokio::select! {
                    ended = connection => if let Err(error) = ended {
                        lost(&error);
                    },
                    () = parting => (),
                }
            });
            // The pool aborts this task when it drops the client, after which the connection ends by itself.
            let holder = tokio::spawn(async move {
                let _hold = hold;
                std::future::pending().await
            });
            Ok((client, holder))
        })
    }
}

/// The parameters of every session, pooled or not: our schema only, so that no table or function of the same name in
/// another schema is used by mistake, and timeouts for everything that may hang. They are set by a statement, since
/// poolers refuse or drop `options` of the connection. Parameters in the address's own `options` stay.
fn session(config: &DatabaseConfig, theirs: &str) -> String {
    let ours = [
        ("statement_timeout", config.statement_timeout_ms),
        ("lock_timeout", config.lock_timeout_ms),
        (
            "idle_in_transaction_session_timeout",
            config.idle_in_transaction_timeout_ms,
        ),
    ];
    let set: HashSet<&str> = theirs
        .split_whitespace()
        .filter_map(|word| {
            word.trim_start_matches("-c")
                .trim_start_matches("--")
                .split_once('=')
        })
        .map(|(name, _)| name)
        .collect();
    let ours = ours.iter().filter(|(name, _)| !set.contains(name));
    let timeouts: String = ours
        .map(|(name, value)| format!("set {name} = {value};"))
        .collect();
    // Generic plans are costed without the parameters' values, so JIT would compile cheap statements. And a plan that was
    // made while a table was empty may be used for a minute or more; so plans have to use indexes from the start.
    format!(
        "{timeouts}set search_path = {}, pg_temp;set jit = off;set enable_seqscan = off;set enable_bitmapscan = off;\
         do $$ begin if pg_is_in_recovery() then raise '{STANDBY}' using errcode = 'cannot_connect_now'; end if; end $$",
        config.schema
    )
}

/// A session on a standby ends with this: behind a name that moves when another server takes over, one that was opened a moment
/// too early would stay in its pool for good, refuse every write, and read what is old.
const STANDBY: &str = "the database is a standby";

/// Whether a connection could not be opened because the database is a standby.
pub(super) fn is_of_standby(error: &tokio_postgres::Error) -> bool {
    let said = error.as_db_error();
    said.is_some_and(|said| {
        *said.code() == SqlState::CANNOT_CONNECT_NOW && said.message() == STANDBY
    })
}

/// Our connections' name in `pg_stat_activity`.
pub(super) const APPLICATION_NAME: &str = "seatcast";

/// Whether SQL takes the name without quotes. Names that begin with `pg_` are reserved by Postgres.
fn is_plain_name(name: &str) -> bool {
    let begins_well = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let is_plain = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '_');
    begins_well && !name.starts_with("pg_") && name.len() <= 63 && name.chars().all(is_plain)
}

/// The settings of every connection, pooled or not: a name for `pg_stat_activity`, and keepalives that notice a dead
/// server in seconds.
fn ours(config: &DatabaseConfig, settings: &mut Config) {
    let keepalive = Duration::from_millis(config.keepalive_ms);
    settings
        .application_name(APPLICATION_NAME)
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .keepalives_idle(keepalive)
        .keepalives_interval(keepalive)
        .keepalives_retries(2)
        .tcp_user_timeout(keepalive * 3);
    let hosts = settings
        .get_hosts()
        .len()
        .max(settings.get_hostaddrs().len());
    if hosts > 1 && settings.get_target_session_attrs() == TargetSessionAttrs::Any {
        // Of several hosts, one may be a standby, which cannot write and lags.
        settings.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
}

fn encryption(trust: &Trust, settings: &mut Config) {
    let sockets_only = !settings.get_hosts().is_empty()
        && settings
            .get_hosts()
            .iter()
            .all(|host| matches!(host, Host::Unix(_)));
    settings.ssl_mode(match trust {
        // Postgres has no TLS on unix sockets.
        _ if sockets_only => SslMode::Disable,
        Trust::Plain => SslMode::Disable,
        Trust::Prefer => SslMode::Prefer,
        Trust::Anyone | Trust::SignedBy(_) | Trust::Verified(_) => SslMode::Require,
    });
    // TLS needs a host name; a certificate may be for a numeric address.
    if settings.get_hosts().is_empty() {
        for address in settings.get_hostaddrs().to_vec() {
            settings.host(address.to_string());
        }
    }
}

/// An address without its TLS settings, and these settings.
#[derive(Debug, Default, PartialEq)]
struct Split {
    rest: String,
    sslmode: Option<String>,
    sslrootcert: Option<String>,
}

impl Split {
    /// The setting that `key` names; `None` for any other key.
    fn slot(&mut self, key: &str) -> Option<&mut Option<String>> {
        match key {
            "sslmode" => Some(&mut self.sslmode),
            "sslrootcert" => Some(&mut self.sslrootcert),
            _ => None,
        }
    }
}

/// Splits an address in either of libpq's forms: `postgres://user@host/name?key=value&…` and `key=value …`.
fn split(address: &str) -> Result<Split, String> {
    let is_url = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    match is_url {
        true => split_url(address),
        false => split_pairs(address),
    }
}

fn split_url(url: &str) -> Result<Split, String> {
    // A password may hold a `?`.
    let host = url.find('@').unwrap_or_default();
    let Some(query) = url[host..].find('?').map(|at| host + at) else {
        return Ok(Split {
            rest: url.to_owned(),
            ..Split::default()
        });
    };
    let mut split = Split::default();
    let mut others = Vec::new();
    for pair in url[query + 1..].split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match split.slot(key) {
            Some(slot) => {
                let value = percent_decode_str(value).decode_utf8();
                *slot = Some(value.map_err(|_| format!("{key} is not UTF-8"))?.into());
            }
            None => others.push(pair),
        }
    }
    split.rest = match others.is_empty() {
        true => url[..query].to_owned(),
        false => format!("{}?{}", &url[..query], others.join("&")),
    };
    Ok(split)
}

fn split_pairs(pairs: &str) -> Result<Split, String> {
    // A value is quoted, or ends at a space; a backslash takes the next character as it is.
    let pair = Regex::new(r"(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)*))");
    let pair = pair.map_err(|error| error.to_string())?;
    let mut split = Split::default();
    let mut after = 0;
    for found in pair.captures_iter(pairs) {
        let (Some(whole), Some(key)) = (found.get(0), found.get(1)) else {
            continue;
        };
        if let Some(slot) = split.slot(key.as_str()) {
            let value = found.get(2).or(found.get(3));
            *slot = value.map(|value| unescaped(value.as_str()));
            split.rest.push_str(&pairs[after..whole.start()]);
            after = whole.end();
        }
    }
    split.rest.push_str(&pairs[after..]);
    Ok(split)
}

fn unescaped(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::error::Error;

    use super::*;
    use crate::config::Config as Settings;

    fn said(rest: &str, sslmode: Option<&str>, sslrootcert: Option<&str>) -> Split {
        Split {
            rest: rest.to_owned(),
            sslmode: sslmode.map(str::to_owned),
            sslrootcert: sslrootcert.map(str::to_owned),
        }
    }

    fn read(url: &str) -> Result<DatabaseAddress, String> {
        DatabaseAddress::read(&Settings::default().database, url).map_err(|error| {
            let cause = error.source().and_then(|cause| cause.source());
            format!(
                "{error} {}",
                cause.map(ToString::to_string).unwrap_or_default()
            )
        })
    }

    #[test]
    fn a_url_keeps_what_is_not_about_tls() {
        for (url, expected) in [
            (
                "postgres://a:b@h/db",
                said("postgres://a:b@h/db", None, None),
            ),
            (
                "postgres://a:p?sslmode=x@h/db?sslmode=require",
                said("postgres://a:p?sslmode=x@h/db", Some("require"), None),
            ),
            (
                "postgresql://h/db?a=1&sslrootcert=%2Fmy%20ca.pem&sslmode=verify-ca&b=%20",
                said(
                    "postgresql://h/db?a=1&b=%20",
                    Some("verify-ca"),
                    Some("/my ca.pem"),
                ),
            ),
        ] {
            assert_eq!(split(url).unwrap(), expected);
        }
    }

    #[test]
    fn pairs_may_be_quoted() {
        let pairs = r"host=h password='it\'s sslmode=no' sslmode = require sslrootcert='/my ca\\.pem' user=u";
        let expected = said(
            r"host=h password='it\'s sslmode=no'   user=u",
            Some("require"),
            Some(r"/my ca\.pem"),
        );
        assert_eq!(split(pairs).unwrap(), expected);
        read(pairs)
            .err()
            .filter(|error| error.contains("cannot be read"))
            .unwrap();
    }

    #[test]
    fn modes_mean_what_they_mean_to_libpq() {
        for (url, mode) in [
            ("postgres://h/db", SslMode::Prefer),
            ("postgres://h/db?sslmode=disable", SslMode::Disable),
            ("postgres://h/db?sslmode=require", SslMode::Require),
            ("host=h sslmode=prefer", SslMode::Prefer),
            // A unix socket has no TLS.
            (
                "postgres:///db?host=/run/p&sslmode=require",
                SslMode::Disable,
            ),
            ("host=/run/p,h sslmode=require", SslMode::Require),
        ] {
            assert_eq!(read(url).unwrap().settings.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn of_several_hosts_the_one_that_writes_is_wanted() {
        use TargetSessionAttrs::{Any, ReadOnly, ReadWrite};
        for (url, wanted) in [
            ("postgres://h/db", Any),
            ("postgres://h,i/db", ReadWrite),
            ("hostaddr=127.0.0.1,127.0.0.2", ReadWrite),
            ("postgres://h,i/db?target_session_attrs=any", ReadWrite),
            ("postgres://h,i/db?target_session_attrs=read-only", ReadOnly),
        ] {
            let settings = read(url).unwrap().settings;
            assert_eq!(settings.get_target_session_attrs(), wanted, "{url}");
        }
    }

    #[test]
    fn a_numeric_address_is_a_name_as_well() {
        let address = read("hostaddr=127.0.0.1 sslmode=require").unwrap();
        assert_eq!(
            address.settings.get_hosts(),
            [Host::Tcp("127.0.0.1".into())]
        );
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (url, why) in [
            ("postgres://h/db?sslmode=allow", "not allow"),
            (
                "postgres://h/db?sslmode=verify-ca&sslrootcert=system",
                "verify-full",
            ),
            (
                "postgres://h/db?sslmode=verify-ca&sslrootcert=/none",
                "/none cannot be read",
            ),
            ("postgres://h/db?sslcert=/my.pem", "sslcert"),
        ] {
            let error = read(url).err().unwrap();
            assert!(error.contains(why), "{error}");
        }
    }
}
