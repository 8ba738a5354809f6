//! FAN-OUT in memory. No SQL, no HTTP.
