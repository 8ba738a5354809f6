//! `seatcast doctor`: what this machine and database allow.

use crate::config::Config;
use crate::descriptors;
use crate::store::StoreError;
use crate::store::doctor::{self, Condition, Diagnosis};

/// Looks at everything that can be looked at; what cannot be reached is a symptom, not an error.
///
/// # Errors
/// The database's address cannot be read.
pub async fn examine(config: &Config, url: &str) -> Result<Diagnosis, StoreError> {
    let mut found = Diagnosis::default();
    files(config, &mut found);
    found.0.extend(doctor::examine(config, url).await?.0);
    Ok(found)
}

/// Open files of this process.
fn files(config: &Config, found: &mut Diagnosis) {
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
            found.note("open files", says, Some((Condition::Warning, mend)));
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
