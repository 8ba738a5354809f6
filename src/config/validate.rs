//! What a configuration may hold. All that is wrong is said at once, by the flag's name.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{
    Config, DatabaseConfig, DeskConfig, FeedConfig, HttpConfig, InteractionsConfig, PrivateConfig,
    SocketConfig, SweepConfig,
};

/// Event loops that may own connections: a set of them is the bits of a word, and one bit is the
/// streams'.
const SHARDS_MAX: usize = 63;
/// An hour: no interval or timeout of a live system is longer.
const HOUR_MS: u64 = 3_600_000;

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not valid:\n  {}", .0.join("\n  "))]
pub struct InvalidConfig(Vec<String>);

impl Config {
    /// Checks every value against what the program can work with.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let mut faults = Faults(Vec::new());
        faults.http(&self.http);
        faults.database(&self.database);
        faults.desk(&self.desk);
        faults.sweep(&self.sweep);
        faults.feed(&self.feed);
        faults.private(&self.private);
        faults.interactions(&self.interactions);
        faults.socket(&self.socket);
        faults.within(
            "--relay-events-max",
            self.bus.relay_events_max,
            1..=100_000_000,
        );
        faults.within("--relay-rows-max", self.bus.relay_rows_max, 1..=1_000_000);
        faults.within("--lease-ms", self.presence.lease_ms, 100..=60_000);
        let stream = &self.stream;
        faults.within("--streams-max", stream.streams_max, 0..=100_000_000);
        faults.within(
            "--streams-per-address-max",
            stream.streams_per_address_max,
            0..=100_000_000,
        );
        faults.within("--stall-timeout-ms", stream.stall_timeout_ms, 10..=HOUR_MS);
        faults.within(
            "--comment-interval-ms",
            stream.comment_interval_ms,
            10..=HOUR_MS,
        );
        let share = &self.availability;
        faults.within("--limited-percent", share.limited_percent, 0..=100);
        faults.within(
            "--almost-sold-out-percent",
            share.almost_sold_out_percent,
            0..=share.limited_percent,
        );
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
        self.within("--body-bytes-max", http.body_bytes_max, 1_024..=1 << 30);
        // 8 KiB is the least that the HTTP parser works with.
        self.within("--header-bytes-max", http.header_bytes_max, 8_192..=1 << 24);
        self.within("--header-timeout-ms", http.header_timeout_ms, 1..=HOUR_MS);
        self.within("--request-timeout-ms", http.request_timeout_ms, 1..=HOUR_MS);
        self.within("--drain-timeout-ms", http.drain_timeout_ms, 0..=HOUR_MS);
    }

    fn database(&mut self, database: &DatabaseConfig) {
        self.within(
            "--pool-connections-max",
            database.pool_connections_max,
            1..=10_000,
        );
        self.within("--pool-wait-ms", database.pool_wait_ms, 1..=HOUR_MS);
        self.within(
            "--log-retention-hours",
            database.log_retention_hours,
            1..=24 * 366,
        );
    }

    fn desk(&mut self, desk: &DeskConfig) {
        self.within(
            "--queue-requests-max",
            desk.queue_requests_max,
            1..=1_000_000,
        );
        self.within("--batch-requests-max", desk.batch_requests_max, 1..=10_000);
        self.within("--batch-timeout-ms", desk.batch_timeout_ms, 10..=HOUR_MS);
        self.within("--desks-max", desk.desks_max, 1..=10_000_000);
        self.within("--idle-s", desk.idle_s, 1..=86_400);
    }

    fn sweep(&mut self, sweep: &SweepConfig) {
        self.within("--sweep-pause-ms-max", sweep.sweep_pause_ms_max, 1..=60_000);
        self.within(
            "--sweep-failing-pause-ms-max",
            sweep.sweep_failing_pause_ms_max,
            sweep.sweep_pause_ms_max..=HOUR_MS,
        );
        self.within(
            "--holds-per-transaction-max",
            sweep.holds_per_transaction_max,
            1..=100_000,
        );
        self.within(
            "--events-parallel-max",
            sweep.events_parallel_max,
            1..=1_000,
        );
        self.within("--prune-interval-s", sweep.prune_interval_s, 1..=86_400);
        self.within(
            "--interactions-retention-hours",
            sweep.interactions_retention_hours,
            1..=24 * 366 * 10,
        );
        self.within("--prune-rows-max", sweep.prune_rows_max, 1..=1_000_000);
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
        self.within("--poll-interval-ms", feed.poll_interval_ms, 10..=60_000);
        self.within("--probe-interval-ms", feed.probe_interval_ms, 100..=HOUR_MS);
        self.within("--ring-deltas-max", feed.ring_deltas_max, 1..=1_000_000);
        self.within("--unwatch-grace-s", feed.unwatch_grace_s, 0..=86_400);
        self.within("--log-rows-max", feed.log_rows_max, 1..=1_000_000);
        self.within(
            "--watched-events-max",
            feed.watched_events_max,
            1..=10_000_000,
        );
        self.within("--loads-parallel-max", feed.loads_parallel_max, 1..=1_000);
        self.within("--open-timeout-ms", feed.open_timeout_ms, 1..=HOUR_MS);
        self.within("--absent-ms", feed.absent_ms, 1..=60_000);
        self.within(
            "--absent-events-max",
            feed.absent_events_max,
            1..=10_000_000,
        );
        self.within("--read-timeout-ms", feed.read_timeout_ms, 1..=HOUR_MS);
    }

    fn private(&mut self, private: &PrivateConfig) {
        self.within(
            "--private-topics-max",
            private.private_topics_max,
            1..=10_000_000,
        );
        self.within(
            "--private-per-read-max",
            private.private_per_read_max,
            1..=10_000,
        );
        self.within("--own-bookings-max", private.own_bookings_max, 1..=500);
        self.within(
            "--private-poll-interval-ms",
            private.private_poll_interval_ms,
            10..=HOUR_MS,
        );
        self.within(
            "--figures-interval-ms",
            private.figures_interval_ms,
            0..=HOUR_MS,
        );
        self.within(
            "--joins-interval-ms",
            private.joins_interval_ms,
            10..=HOUR_MS,
        );
        self.within(
            "--joined-events-max",
            private.joined_events_max,
            1..=10_000_000,
        );
    }

    fn interactions(&mut self, interactions: &InteractionsConfig) {
        self.within(
            "--interactions-waiting-max",
            interactions.interactions_waiting_max,
            1..=10_000_000,
        );
        self.within(
            "--interactions-batch-max",
            interactions.interactions_batch_max,
            1..=10_000,
        );
        self.within(
            "--interactions-interval-ms",
            interactions.interactions_interval_ms,
            1..=HOUR_MS,
        );
        self.within(
            "--interactions-per-s-max",
            interactions.interactions_per_s_max,
            1..=10_000_000,
        );
    }

    fn socket(&mut self, socket: &SocketConfig) {
        self.within("--shards", socket.shards, 0..=SHARDS_MAX);
        self.within("--connections-max", socket.connections_max, 1..=100_000_000);
        self.within("--frame-bytes-max", socket.frame_bytes_max, 1_024..=1 << 30);
        self.within("--joins-max", socket.joins_max, 1..=1_000_000);
        self.within("--joins-per-s-max", socket.joins_per_s_max, 1..=1_000_000);
        self.within("--pushes-per-s-max", socket.pushes_per_s_max, 1..=1_000_000);
        self.within(
            "--outbox-bytes-max",
            socket.outbox_bytes_max,
            4_096..=1 << 30,
        );
        self.within("--beat-interval-ms", socket.beat_interval_ms, 10..=HOUR_MS);
        self.within(
            "--idle-timeout-ms",
            socket.idle_timeout_ms,
            10..=24 * HOUR_MS,
        );
        self.within(
            "--first-join-timeout-ms",
            socket.first_join_timeout_ms,
            10..=HOUR_MS,
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
    fn all_that_is_wrong_is_said_by_the_flags_name() {
        let mut config = Config::default();
        config.socket.shards = 65;
        config.feed.log_rows_max = 0;
        config.availability.almost_sold_out_percent = 90;
        let message = config.validate().unwrap_err().to_string();
        assert_eq!(
            message,
            "the configuration is not valid:\n  \
             --log-rows-max is 0; it has to be 1 to 1000000\n  \
             --shards is 65; it has to be 0 to 63\n  \
             --almost-sold-out-percent is 90; it has to be 0 to 25"
        );
    }
}
