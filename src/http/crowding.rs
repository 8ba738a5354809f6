//! HTTP connections by network, so that one client does not take the places of all. Requests are counted elsewhere
//! (`limits/rates.rs`): a connection that sends none, or half of one, is no request.

use std::net::IpAddr;
use std::sync::Arc;

use dashmap::DashMap;

use crate::config::HttpConfig;
use crate::limits::address::{Client, Network, Proxies};

/// Counts of the connections that are open. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Crowding {
    open: Arc<DashMap<Network, usize>>,
    /// `None`: no bound.
    most: Option<usize>,
    proxies: Arc<Proxies>,
}

/// A connection's place among those of its network; given back when dropped. The default is nobody's.
#[derive(Debug, Default)]
pub(super) struct NetworkPlace(Option<(Arc<DashMap<Network, usize>>, Network)>);

impl Crowding {
    /// No network has more than half of all places, however few these are.
    pub(super) fn new(config: &HttpConfig, clients_max: usize) -> Crowding {
        let half = (config.http_connections_max.min(clients_max) / 2).max(1);
        let most = config.http_connections_per_address_max;
        Crowding {
            open: Arc::default(),
            most: (most > 0).then(|| most.min(half)),
            proxies: Arc::new(Proxies::of(config)),
        }
    }

    /// Counts a connection; `None`: its network has too many. Proxies that are trusted connect for others, and are not counted.
    pub(super) fn admit(&self, address: IpAddr) -> Option<NetworkPlace> {
        let Some(most) = self.most else {
            return Some(NetworkPlace::default());
        };
        if self.proxies.trusts(address.to_canonical()) {
            return Some(NetworkPlace::default());
        }
        let network = Client::new(address).network();
        let mut open = self.open.entry(network).or_insert(0);
        if *open >= most {
            return None;
        }
        *open += 1;
        Some(NetworkPlace(Some((Arc::clone(&self.open), network))))
    }
}

impl Drop for NetworkPlace {
    fn drop(&mut self) {
        if let Some((open, network)) = self.0.take() {
            open.remove_if_mut(&network, |_, count| {
                *count -= 1;
                *count == 0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_network_has_its_part_and_gives_it_back() {
        let crowding = |change: fn(&mut HttpConfig), clients_max| {
            let mut config = Config::default().http;
            change(&mut config);
            Crowding::new(&config, clients_max)
        };
        let many = |crowding: &Crowding, address: &str| {
            let address = address.parse().unwrap();
            let all = (0..100).map_while(|_| crowding.admit(address));
            all.collect::<Vec<_>>()
        };
        let few = crowding(|http| http.http_connections_per_address_max = 3, 100);
        let held = many(&few, "192.0.2.1");
        assert_eq!(held.len(), 3);
        assert!(few.admit("::ffff:192.0.2.1".parse().unwrap()).is_none());
        assert_eq!(many(&few, "192.0.2.2").len(), 3);
        // One household has a /64.
        let home = many(&few, "2001:db8::1");
        assert!(few.admit("2001:db8::2".parse().unwrap()).is_none());
        drop((held, home));
        assert!(few.open.is_empty());
        // Half of what there is room for, and one at least.
        assert_eq!(many(&crowding(|_| {}, 20), "192.0.2.1").len(), 10);
        assert_eq!(many(&crowding(|_| {}, 1), "192.0.2.1").len(), 1);
        let lifted = crowding(|http| http.http_connections_per_address_max = 0, 8);
        assert_eq!(many(&lifted, "192.0.2.1").len(), 100);
        let proxied = crowding(
            |http| http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()],
            8,
        );
        assert_eq!(many(&proxied, "10.0.0.1").len(), 100);
        assert_eq!(many(&proxied, "11.0.0.1").len(), 4);
    }
}
