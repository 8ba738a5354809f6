//! The PROXY protocol, versions 1 and 2: what a proxy of connections (HAProxy, a load balancer of layer 4) sends before
//! the client's first byte. Pure but for [`read`], which takes exactly these bytes out of the stream.
//!
//! The specification: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>. A receiver must not guess whether
//! there is a header, so it is read from trusted proxies only, and from these always.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// A line of version 1 with its end, in bytes.
const LINE_BYTES_MAX: usize = 107;
/// The first bytes of a header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Addresses and extensions of version 2, in bytes; the specification promises that a header fits into one segment.
const BLOCK_BYTES_MAX: usize = 1_500;

/// The client's address as a header gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxySource {
    Address(IpAddr),
    /// The proxy itself, as for its checks of health, or a client without an IP address.
    Unknown,
}

/// Reads a header, and not one byte more.
///
/// # Errors
/// The stream ended, or does not begin with a header: nothing in it can be trusted then.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<ProxySource> {
    let mut head = [0; SIGNATURE.len()];
    stream.read_exact(&mut head).await?;
    if head == SIGNATURE {
        let mut rest = [0; 4];
        stream.read_exact(&mut rest).await?;
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        if length > BLOCK_BYTES_MAX {
            return Err(malformed());
        }
        let mut block = vec![0; length];
        stream.read_exact(&mut block).await?;
        return version_2(rest[0], rest[1], &block).ok_or_else(malformed);
    }
    let mut line = head.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LINE_BYTES_MAX || !line.starts_with(b"PROXY ") {
            return Err(malformed());
        }
        line.push(stream.read_u8().await?);
    }
    version_1(&line).ok_or_else(malformed)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no PROXY protocol header")
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n`
fn version_1(line: &[u8]) -> Option<ProxySource> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let mut words = line.split(' ');
    if words.next()? != "PROXY" {
        return None;
    }
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(ProxySource::Unknown);
    }
    let (source, destination) = (words.next()?, words.next()?);
    let (source_port, destination_port) = (words.next()?, words.next()?);
    for port in [source_port, destination_port] {
        port.parse::<u16>().ok()?;
    }
    if words.next().is_some() {
        return None;
    }
    match family {
        "TCP4" => {
            destination.parse::<Ipv4Addr>().ok()?;
            Some(ProxySource::Address(
                source.parse::<Ipv4Addr>().ok()?.into(),
            ))
        }
        "TCP6" => {
            destination.parse::<Ipv6Addr>().ok()?;
            Some(ProxySource::Address(
                source.parse::<Ipv6Addr>().ok()?.into(),
            ))
        }
        _ => None,
    }
}

/// `command`: version and command; `family`: address family and transport; `block`: source address, destination
/// address, ports, extensions.
fn version_2(command: u8, family: u8, block: &[u8]) -> Option<ProxySource> {
    match command {
        0x20 => return Some(ProxySource::Unknown),
        0x21 => {}
        _ => return None,
    }
    match family >> 4 {
        1 => {
            let octets: [u8; 4] = block.get(..12)?.first_chunk().copied()?;
            Some(ProxySource::Address(Ipv4Addr::from(octets).into()))
        }
        2 => {
            let octets: [u8; 16] = block.get(..36)?.first_chunk().copied()?;
            Some(ProxySource::Address(Ipv6Addr::from(octets).into()))
        }
        0 | 3 => Some(ProxySource::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// The header and what is left after it.
    async fn read_from(bytes: &[u8]) -> (io::Result<ProxySource>, Vec<u8>) {
        let mut stream = bytes;
        let read = read(&mut stream).await;
        (read, stream.to_vec())
    }

    fn version_2_of(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
        bytes.extend(block);
        bytes
    }

    fn block_4() -> Vec<u8> {
        let mut block = vec![192, 0, 2, 1, 198, 51, 100, 1];
        block.extend([0xdc, 4, 1, 0xbb]);
        block
    }

    fn address(text: &str) -> ProxySource {
        ProxySource::Address(text.parse().unwrap())
    }

    #[tokio::test]
    async fn headers_of_both_versions_are_read_to_their_last_byte() {
        let mut block_6 = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets().to_vec();
        block_6.extend([0; 20]);
        // An extension after the addresses is skipped.
        let mut extended = block_4();
        extended.extend([4, 0, 1, 9]);
        let line = |text: &str| format!("PROXY {text}\r\n").into_bytes();
        for (header, source) in [
            (
                line("TCP4 192.0.2.1 198.51.100.1 56324 443"),
                address("192.0.2.1"),
            ),
            (
                line("TCP6 2001:db8::7 ::1 56324 443"),
                address("2001:db8::7"),
            ),
            (line("UNKNOWN"), ProxySource::Unknown),
            (line("UNKNOWN ffff::1 ffff::2 1 2"), ProxySource::Unknown),
            (version_2_of(0x21, 0x11, &block_4()), address("192.0.2.1")),
            (version_2_of(0x21, 0x11, &extended), address("192.0.2.1")),
            (version_2_of(0x21, 0x21, &block_6), address("2001:db8::7")),
            (version_2_of(0x20, 0x00, &[]), ProxySource::Unknown),
            (version_2_of(0x21, 0x31, &[0; 216]), ProxySource::Unknown),
        ] {
            let sent = [header.as_slice(), b"GET / HTTP/1.1\r\n"].concat();
            let (read, left) = read_from(&sent).await;
            assert_eq!(read.unwrap(), source);
            assert_eq!(left, b"GET / HTTP/1.1\r\n");
        }
    }

    #[tokio::test]
    async fn anything_else_ends_the_connection() {
        for bytes in [
            b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 1 99999\r\n".to_vec(),
            [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat(),
            version_2_of(0x31, 0x11, &block_4()),
            version_2_of(0x21, 0x11, &[192, 0, 2, 1]),
            version_2_of(0x21, 0x11, &[0; 2_000]),
            b"PROXY".to_vec(),
            Vec::new(),
        ] {
            assert!(read_from(&bytes).await.0.is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), v1: bool) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let start: &[u8] = if v1 { b"PROXY " } else { &SIGNATURE };
            let _ = runtime.block_on(read_from(&[start, &bytes].concat()));
        }
    }
}
