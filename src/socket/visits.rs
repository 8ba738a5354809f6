//! Timers of connections: beats, idle timeouts, ends of tokens, closes that take too long.

use super::shard::Shard;
use crate::auth;
use crate::metrics;
use crate::protocol::code;

impl Shard {
    pub(super) fn on_ticks(&mut self) {
        let now_ms = self.now_ms();
        let mut ticked = false;
        while let Some((first, step)) = self.wheel.next(now_ms) {
            for id in (first..self.connections.places()).step_by(step) {
                self.visit(id, now_ms);
            }
            ticked = true;
            if self.wheel.is_round() {
                self.watching.tend(now_ms);
                self.tend_private();
            }
        }
        if ticked {
            self.watching.answer_overdue(now_ms);
            self.carry_out();
            self.whereabouts.say_changes(self.config.presence.steps_max);
        }
    }

    fn visit(&mut self, id: usize, now_ms: u64) {
        let limits = &self.config.socket;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if !connection.is_open() {
            if connection.is_overdue(now_ms) {
                self.remove(id);
            }
            return;
        }
        if connection.session.take_told_later() {
            // It tried, and was told to try again: closed as one that broke a rule, it would not come back after an outage.
            connection.may_join_ms = now_ms;
        }
        let silent_ms = now_ms.saturating_sub(connection.heard_ms);
        let unjoined_ms = now_ms.saturating_sub(connection.may_join_ms);
        if silent_ms > limits.idle_timeout_ms {
            metrics::SILENT_CLOSES.add(1);
            // Not closed as a violation of policy, so that a laptop that slept comes back by itself.
            self.end(
                id,
                code::GOING_AWAY.number,
                "no frame for too long: send heartbeats",
            );
        } else if connection.session.has_asked_for_nothing()
            && unjoined_ms > limits.first_join_timeout_ms
        {
            self.end(id, code::POLICY.number, "nothing was joined in time");
        } else if connection
            .session
            .token_has_ended(&self.config.auth, auth::token_time())
        {
            self.end(
                id,
                code::TOKEN_ENDED.number,
                "the token has ended: get a new one and come back",
            );
        } else {
            connection.beat_in = connection.beat_in.saturating_sub(1);
            if connection.beat_in == 0 {
                self.beat(id);
            }
        }
    }

    fn end(&mut self, id: usize, code: u16, reason: &str) {
        self.close(id, code, reason);
        self.bring(id);
    }
}
