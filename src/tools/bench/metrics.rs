//! Reads a server's own counters at `GET /metrics`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::BenchError;

const PATIENCE: Duration = Duration::from_secs(10);
/// Events loaded from the database.
pub(super) const LOADS: &str = "seatcast_event_loads_total";
/// Joins with `since`, answered from memory and with the whole state.
pub(super) const RESUMED: &str = "seatcast_joins_total{source=\"ring\"}";
pub(super) const NOT_RESUMED: &str = "seatcast_joins_total{source=\"snapshot\"}";
/// Frames for viewers who had lagged, each with all that one missed.
pub(super) const CATCH_UPS: &str = "seatcast_catch_ups_total";

/// The number under this name; 0 for a label that has not been counted yet.
pub(super) fn read(address: SocketAddr, name: &str) -> Result<f64, BenchError> {
    let page = page(address).map_err(BenchError::io("read /metrics"))?;
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    match line.map(|number| number.trim().parse()) {
        Some(Ok(number)) => Ok(number),
        None if name.ends_with('}') => Ok(0.0),
        _ => Err(BenchError::Child(
            "the server does not count what is asked for",
        )),
    }
}

fn page(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes())?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
