//! Checks a configuration, and reports all errors at once, by the flags' names.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{
    AuthConfig, AvailabilityConfig, Config, DatabaseConfig, DeskConfig, FeedConfig, HttpConfig,
    LimitsConfig, MailConfig, PushConfig, SocketConfig, StreamConfig, StripeConfig, SweepConfig,
    inside,
};

/// The most shards: a set of shards is the bits of a word, and one bit is for server-sent events.
const SHARDS_MAX: usize = 63;
/// The longest interval or timeout: an hour.
const HOUR_MS: u64 = 3_600_000;

/// The errors in a configuration, one line each.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not valid:\n  {}", .0.join("\n  "))]
pub struct InvalidConfig(Vec<String>);

impl Config {
    /// Checks every setting of an operator against what the program can work with.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let mut faults = Faults(Vec::new());
        faults.http(&self.http);
        faults.limits(&self.limits);
        faults.auth(&self.auth);
        faults.database(&self.database);
        faults.mail(&self.mail);
        faults.push(&self.push);
        faults.stripe(&self.stripe);
        faults.desk(&self.desk);
        faults.sweep(&self.sweep);
        faults.feed(&self.feed);
        faults.socket(&self.socket);
        faults.stream(&self.stream);
        faults.availability(&self.availability);
        if faults.0.is_empty() {
            Ok(())
        } else {
            Err(InvalidConfig(faults.0))
        }
    }
}

struct Faults(Vec<String>);

impl Faults {
    fn within<T: PartialOrd + Display>(&mut self, flag: &str, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            self.0
                .push(format!("{flag} is {value}; it has to be {least} to {most}"));
        }
    }

    fn http(&mut self, http: &HttpConfig) {
        self.within(
            "--http-connections-max",
            http.http_connections_max,
            1..=1_000_000,
        );
        self.within(
            "--http-connections-per-address-max",
            http.http_connections_per_address_max,
            0..=1_000_000,
        );
        self.within(
            "--http-request-timeout-ms",
            http.request_timeout_ms,
            1..=HOUR_MS,
        );
        self.within("--drain-delay-ms", http.drain_delay_ms, 0..=HOUR_MS);
        self.within("--drain-timeout-ms", http.drain_timeout_ms, 0..=HOUR_MS);
    }

    fn limits(&mut self, limits: &LimitsConfig) {
        let counted = 0..=inside::SHARE_MAX;
        for (flag, max) in [
            ("--holds-per-address-max", limits.holds_per_address_max),
            ("--tickets-per-address-max", limits.tickets_per_address_max),
            ("--tickets-per-account-max", limits.tickets_per_account_max),
        ] {
            self.within(flag, max, counted.clone());
        }
    }

    fn auth(&mut self, auth: &AuthConfig) {
        let mut names: Vec<_> = auth.issuers.iter().map(|issuer| &issuer.name).collect();
        names.extend(&auth.jwt_issuer);
        names.sort_unstable();
        for pair in names.windows(2) {
            if let [one, other] = pair
                && one == other
            {
                let fault = format!("--issuers names {one}, which is named already");
                self.0.push(fault);
            }
        }
    }

    fn mail(&mut self, mail: &MailConfig) {
        if let Some(url) = &mail.public_url {
            let is_web = url.starts_with("https://") || url.starts_with("http://");
            if !is_web || url.contains(['#', '?', ' ']) {
                let fault = format!(
                    "--public-url is {url}; it has to be an address as https://tickets.example.org"
                );
                self.0.push(fault);
            }
        }
        let Some(smtp) = &mail.smtp_url else { return };
        for (flag, is_there) in [
            ("--public-url", mail.public_url.is_some()),
            ("--mail-from", mail.mail_from.is_some()),
        ] {
            if !is_there {
                self.0.push(format!("--smtp-url needs {flag}"));
            }
        }
        let is_clear = smtp.starts_with("smtp://") && !smtp.contains("tls=");
        let is_here = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|host| smtp.contains(host));
        if is_clear && smtp.contains('@') && !is_here {
            let fault = "--smtp-url would send its password in the clear: add ?tls=required, or begin with smtps://";
            self.0.push(fault.to_owned());
        }
    }

    fn push(&mut self, push: &PushConfig) {
        let Some(contact) = &push.contact else { return };
        let is_mail = contact
            .strip_prefix("mailto:")
            .is_some_and(|to| to.contains('@'));
        if !(is_mail || contact.starts_with("https://")) || contact.contains(char::is_whitespace) {
            let fault = format!(
                "--push-contact is {contact}; it has to be as mailto:tickets@example.org or https://example.org/contact"
            );
            self.0.push(fault);
        }
    }

    /// With the publishable key alone, buyers would be sent to staff without a word. The secret one alone is enough for apps
    /// with a form of their own.
    fn stripe(&mut self, stripe: &StripeConfig) {
        if stripe.keys() == (false, true) {
            let fault = "--stripe-publishable-key needs --stripe-secret-key";
            self.0.push(fault.to_owned());
        }
    }

    fn database(&mut self, database: &DatabaseConfig) {
        self.within(
            "--database-connections-max",
            database.pool_connections_max,
            1..=10_000,
        );
        self.within(
            "--database-pool-wait-ms",
            database.pool_wait_ms,
            1..=HOUR_MS,
        );
        self.within("--database-wait-s", database.wait_s, 0..=86_400);
        self.within(
            "--changes-retention-hours",
            database.log_retention_hours,
            1..=24 * 366,
        );
    }

    fn desk(&mut self, desk: &DeskConfig) {
        self.within("--desk-patience-ms", desk.patience_ms, 10..=HOUR_MS);
    }

    fn sweep(&mut self, sweep: &SweepConfig) {
        self.within(
            "--interactions-retention-hours",
            sweep.interactions_retention_hours,
            1..=24 * 366 * 10,
        );
        self.within(
            "--idempotency-retention-hours",
            sweep.idempotency_retention_hours,
            1..=24 * 366,
        );
    }

    fn feed(&mut self, feed: &FeedConfig) {
        self.within(
            "--conflation-window-ms",
            feed.conflation_window_ms,
            0..=60_000,
        );
        self.within(
            "--feed-poll-interval-ms",
            feed.poll_interval_ms,
            10..=60_000,
        );
        self.within("--feed-events-max", feed.watched_events_max, 1..=10_000_000);
    }

    fn socket(&mut self, socket: &SocketConfig) {
        self.within("--socket-shards", socket.shards, 0..=SHARDS_MAX);
        self.within(
            "--socket-connections-max",
            socket.connections_max,
            1..=100_000_000,
        );
        self.within(
            "--socket-send-buffer-bytes",
            socket.send_buffer_bytes,
            2_048..=1 << 30,
        );
        self.within("--beat-interval-ms", socket.beat_interval_ms, 10..=HOUR_MS);
    }

    fn stream(&mut self, stream: &StreamConfig) {
        self.within("--sse-streams-max", stream.streams_max, 0..=100_000_000);
        self.within(
            "--sse-streams-per-address-max",
            stream.streams_per_address_max,
            0..=100_000_000,
        );
    }

    fn availability(&mut self, share: &AvailabilityConfig) {
        self.within("--limited-percent", share.limited_percent, 0..=100);
        self.within(
            "--almost-sold-out-percent",
            share.almost_sold_out_percent,
            0..=share.limited_percent,
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn every_shard_has_its_bit() {
        // One is the streams'.
        assert_eq!(SHARDS_MAX + 1, crate::hub::Hub::SHARDS_MAX);
    }

    #[test]
    fn the_defaults_are_valid() {
        Config::default().validate().unwrap();
    }

    #[test]
    fn stripes_publishable_key_needs_the_secret_one() {
        let said = |secret: Option<&str>, publishable: Option<&str>| {
            let mut config = Config::default();
            config.stripe.secret_key = secret.map(str::to_owned);
            config.stripe.publishable_key = publishable.map(str::to_owned);
            config.validate().map_err(|error| error.to_string())
        };
        said(Some("sk_test_1"), Some("pk_test_1")).unwrap();
        said(Some("sk_test_1"), Some("")).unwrap();
        said(Some(""), None).unwrap();
        let alone = said(None, Some("pk_test_1")).unwrap_err();
        assert!(
            alone.contains("--stripe-publishable-key needs --stripe-secret-key"),
            "{alone}"
        );
    }

    #[test]
    fn all_that_is_wrong_is_said_by_the_flags_name() {
        let mut config = Config::default();
        config.socket.shards = 65;
        config.feed.watched_events_max = 0;
        config.availability.almost_sold_out_percent = 90;
        let message = config.validate().unwrap_err().to_string();
        assert_eq!(
            message,
            "the configuration is not valid:\n  \
             --feed-events-max is 0; it has to be 1 to 10000000\n  \
             --socket-shards is 65; it has to be 0 to 63\n  \
             --almost-sold-out-percent is 90; it has to be 0 to 25"
        );
    }
}
