//! The orders that a bench gives its viewers, a line each.

use std::net::SocketAddr;
use std::time::Duration;

use crate::ticketing::Revision;

#[derive(Debug, PartialEq)]
pub(super) enum Order {
    /// `expect 41`: answered with `arrived` when the last viewer that reads has revision 41.
    Expect(Revision),
    /// `watch 41`: from now on it is counted how late each viewer that reads has each revision after 41.
    Watch(Revision),
    /// `due 43 123456789`: the changes up to 43, after those that were told before, are due at that time, in nanoseconds by
    /// [`crate::tools::bench::clock`].
    Due(Revision, Duration),
    /// `sample`: answered with the number of updates that the first viewer has had, and the last
    /// of them.
    Sample,
    /// `presence`: answered with the number of presence frames that all viewers have had, and the
    /// first viewer's last one.
    Presence,
    /// `lags`: answered with how late each viewer had each revision that is watched.
    Lags,
    /// `tell`: from now on each update of each viewer is told: `seen <viewer> <to> <nanoseconds>`.
    Tell,
    /// `stall 10`: every tenth viewer stops reading.
    Stall(usize),
    /// `wake 41`: they read again; answered with the most frames that one of them needed to have
    /// revision 41.
    Wake(Revision),
    /// `refuge 127.0.0.1:8001`: viewers that lose their connection come back there, with `since`.
    Refuge(SocketAddr),
}

impl Order {
    pub(super) fn read(line: &str) -> Option<Order> {
        Some(match line.split_once(' ') {
            None => match line {
                "sample" => Order::Sample,
                "presence" => Order::Presence,
                "lags" => Order::Lags,
                "tell" => Order::Tell,
                _ => return None,
            },
            Some(("expect", revision)) => Order::Expect(revision.parse().ok()?),
            Some(("watch", revision)) => Order::Watch(revision.parse().ok()?),
            Some(("due", round)) => {
                let (to, due) = round.split_once(' ')?;
                Order::Due(to.parse().ok()?, Duration::from_nanos(due.parse().ok()?))
            }
            Some(("stall", nth)) => Order::Stall(nth.parse().ok()?),
            Some(("wake", revision)) => Order::Wake(revision.parse().ok()?),
            Some(("refuge", address)) => Order::Refuge(address.parse().ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read() {
        assert_eq!(Order::read("expect 41"), Some(Order::Expect(41)));
        assert_eq!(Order::read("lags"), Some(Order::Lags));
        let due = Order::Due(43, Duration::from_nanos(17));
        assert_eq!(Order::read("due 43 17"), Some(due));
        for odd in ["", "expect", "expect x", "lags 1", "due 43", "refuge here"] {
            assert_eq!(Order::read(odd), None, "{odd}");
        }
    }
}
