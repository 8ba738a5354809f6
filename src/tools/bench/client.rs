//! One WebSocket client that waits for its answers, as a browser's tab is one.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::ticketing::EventId;

pub(super) struct BenchClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl BenchClient {
    pub(super) async fn connect(address: SocketAddr) -> Result<BenchClient, Error> {
        let url = format!("ws://{address}/realtime/v1/websocket?vsn=2.0.0");
        let (socket, _) = connect_async(url).await?;
        Ok(BenchClient { socket })
    }

    /// Sends, and waits for the reply; whether it says `ok`.
    pub(super) async fn ask(&mut self, message: Message) -> Result<bool, Error> {
        self.socket.send(message).await?;
        loop {
            let heard = self.socket.next().await.ok_or(Error::ConnectionClosed)??;
            if let Message::Text(text) = heard
                && text.contains("phx_reply")
            {
                return Ok(text.contains(r#""status":"ok""#));
            }
        }
    }
}

/// `payload` is JSON text.
pub(super) fn join(event: EventId, payload: &str) -> Message {
    Message::text(format!(r#"["1","1","event:{event}","phx_join",{payload}]"#))
}

pub(super) fn leave(event: EventId) -> Message {
    Message::text(format!(r#"["1","2","event:{event}","phx_leave",{{}}]"#))
}

pub(super) fn heartbeat() -> Message {
    Message::text(r#"[null,"h","phoenix","heartbeat",{}]"#)
}
