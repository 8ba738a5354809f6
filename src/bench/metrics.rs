//! What a server says of itself at `GET /metrics`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::BenchError;

const PATIENCE: Duration = Duration::from_secs(10);
/// Events loaded from the database.
pub(super) const LOADS: &str = "seatcast_event_loads_total";

/// The number under this name, if the server shows one.
pub(super) fn read(address: SocketAddr, name: &str) -> Result<Option<f64>, BenchError> {
    let page = page(address).map_err(BenchError::io("read /metrics"))?;
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    Ok(line.and_then(|number| number.trim().parse().ok()))
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
