//! Open files: how many this process may have, and who gets them.
//!
//! Every connection is one, so whoever comes in without bound takes those that the database, `/readyz` and `/metrics`
//! need. What these may need is set aside first; clients share the rest.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::config::inside::{
    CLIENTS_MIN, DESK_CONNECTIONS_MAX, FEED_CONNECTIONS_MAX, OTHER_DESCRIPTORS_MAX,
    SHARD_DESCRIPTORS_MAX, SPARE_CONNECTIONS_MAX,
};

/// The system's limit leaves no room for clients.
#[derive(Debug, thiserror::Error)]
#[error(
    "the system lets this process have {limit} open files, of which {own} are for the database and the server itself; \
     it needs {needed} at least: raise the limit (ulimit -n), or lower --database-connections-max"
)]
pub struct TooFewDescriptors {
    limit: usize,
    own: usize,
    needed: usize,
}

/// As many as the system lets us have: the usual soft limit is 1,024.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, the soft limit is what counts.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
}

/// Connections of clients that there is room for; lowers those bounds of the configuration that are above it.
///
/// # Errors
/// When there is room for next to none.
pub(crate) fn share_out(config: &mut Config, shards: usize) -> Result<usize, TooFewDescriptors> {
    let clients = clients_of(limit(), config, shards)?;
    // Viewers stay, requests come and go: neither may take all.
    let (viewers, requests) = (clients / 4 * 3, clients / 2);
    if config.socket.connections_max > viewers {
        config.socket.connections_max = viewers;
    }
    config.http.http_connections_max = config.http.http_connections_max.min(requests);
    // Nor may one address take the places of all, however few there are.
    let socket = &mut config.socket;
    if socket.connections_per_address_max > 0 {
        let half = (socket.connections_max / 2).max(1);
        socket.connections_per_address_max = socket.connections_per_address_max.min(half);
    }
    Ok(clients)
}

/// Open files that the system lets this process have.
pub(crate) fn limit() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

fn clients_of(limit: usize, config: &Config, shards: usize) -> Result<usize, TooFewDescriptors> {
    let own = config.database.pool_connections_max
        + FEED_CONNECTIONS_MAX
        + DESK_CONNECTIONS_MAX
        + config.feed.loads_parallel_max
        + shards * SHARD_DESCRIPTORS_MAX
        + SPARE_CONNECTIONS_MAX
        + OTHER_DESCRIPTORS_MAX;
    match limit.checked_sub(own) {
        Some(clients) if clients >= CLIENTS_MIN => Ok(clients),
        _ => Err(TooFewDescriptors {
            limit,
            own,
            needed: own + CLIENTS_MIN,
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn clients_get_what_the_server_itself_cannot_need() {
        let config = Config::default();
        let clients = clients_of(256, &config, 2).unwrap();
        assert!((64..192).contains(&clients), "{clients}");
        assert_eq!(clients_of(257, &config, 2).unwrap(), clients + 1);
        let error = clients_of(100, &config, 2).unwrap_err().to_string();
        assert!(error.contains("ulimit -n"), "{error}");
    }
}
