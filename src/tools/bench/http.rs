//! A connection over HTTP that is kept alive, as browsers keep theirs.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::BenchError;

pub(super) async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, BenchError> {
    let connected = TcpStream::connect(address).await;
    let stream = connected.map_err(BenchError::io("connect"))?;
    stream
        .set_nodelay(true)
        .map_err(BenchError::io("connect"))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
