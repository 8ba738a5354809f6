//! A viewer: Phoenix frames over one WebSocket, in either version.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::server::DEADLINE;

/// The wire's version: objects or arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireVersion {
    V1,
    V2,
}

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    vsn: WireVersion,
    references: u64,
    /// Frames that came while another one was waited for.
    skipped: Vec<Frame>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) join_ref: Value,
    pub(crate) reference: Value,
    pub(crate) topic: String,
    pub(crate) event: String,
    pub(crate) payload: Value,
}

/// The end of a connection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SocketEnd {
    /// The server's close code; `None` if it closed without one.
    Closed(Option<u16>),
    Silence,
}

/// Small buffers, for thousands of viewers in one process.
fn small() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
}

impl Socket {
    pub(crate) async fn connect(address: SocketAddr, vsn: WireVersion) -> Socket {
        Self::connect_with(address, vsn, "").await
    }

    /// `query` is appended to the endpoint's own, as in `&apikey=…`.
    pub(crate) async fn connect_with(address: SocketAddr, vsn: WireVersion, query: &str) -> Socket {
        let connected = Self::try_connect_with(address, vsn, query).await;
        connected.expect("a WebSocket")
    }

    /// The same for a server that may be down.
    pub(crate) async fn try_connect(
        address: SocketAddr,
        vsn: WireVersion,
    ) -> Result<Socket, Error> {
        Self::try_connect_with(address, vsn, "").await
    }

    /// Below a base other than a server's own, as in `127.0.0.1:80/tickets`.
    pub(crate) async fn connect_at(base: &str, vsn: WireVersion) -> Socket {
        let connected = Self::try_connect_at(base, vsn, "").await;
        connected.expect("a WebSocket")
    }

    async fn try_connect_with(
        address: SocketAddr,
        vsn: WireVersion,
        query: &str,
    ) -> Result<Socket, Error> {
        Self::try_connect_at(&address.to_string(), vsn, query).await
    }

    async fn try_connect_at(base: &str, vsn: WireVersion, query: &str) -> Result<Socket, Error> {
        let version = if vsn == WireVersion::V1 {
            "1.0.0"
        } else {
            "2.0.0"
        };
        let url = format!("ws://{base}/realtime/v1/websocket?vsn={version}{query}");
        let (stream, _) =
            tokio_tungstenite::connect_async_with_config(url, Some(small()), false).await?;
        Ok(Self::new(stream, vsn))
    }

    /// A viewer on a connection whose handshake was made by hand.
    pub(crate) async fn over(stream: TcpStream, vsn: WireVersion) -> Socket {
        let stream = MaybeTlsStream::Plain(stream);
        Self::new(
            WebSocketStream::from_raw_socket(stream, Role::Client, Some(small())).await,
            vsn,
        )
    }

    fn new(stream: WebSocketStream<MaybeTlsStream<TcpStream>>, vsn: WireVersion) -> Socket {
        Socket {
            stream,
            vsn,
            references: 0,
            skipped: Vec::new(),
        }
    }

    /// Joins, and returns the reply's `response`.
    #[track_caller]
    pub(crate) fn join(&mut self, topic: &str, payload: Value) -> impl Future<Output = Value> {
        let topic = topic.to_owned();
        async move {
            let reply = self.ask(&topic, "phx_join", payload).await;
            assert_eq!(reply["status"], "ok", "{topic}: {reply}");
            reply["response"].clone()
        }
    }

    /// Sends a message, and returns the `status` and `response` of its reply.
    pub(crate) async fn ask(&mut self, topic: &str, event: &str, payload: Value) -> Value {
        let reference = self.send(topic, event, payload).await;
        let mut passed = Vec::new();
        loop {
            let frame = self.next_frame(DEADLINE).await.expect("a reply");
            if frame.event == "phx_reply" && frame.reference == json!(reference) {
                self.skipped.splice(0..0, passed);
                return frame.payload;
            }
            passed.push(frame);
        }
    }

    /// Sends on a connection that may have ended; returns the ref if the message was sent.
    pub(crate) async fn try_send(
        &mut self,
        topic: &str,
        event: &str,
        payload: Value,
    ) -> Option<String> {
        let (reference, text) = self.frame(topic, event, payload);
        self.stream.send(Message::text(text)).await.ok()?;
        Some(reference)
    }

    /// Sends a message with a fresh ref, and returns it. For a join it is the join ref as well.
    pub(crate) async fn send(&mut self, topic: &str, event: &str, payload: Value) -> String {
        let (reference, text) = self.frame(topic, event, payload);
        self.send_text(&text).await;
        reference
    }

    fn frame(&mut self, topic: &str, event: &str, payload: Value) -> (String, String) {
        self.references += 1;
        let reference = self.references.to_string();
        let join_ref = if event == "phx_join" {
            json!(reference)
        } else {
            Value::Null
        };
        let frame = match self.vsn {
            WireVersion::V1 => json!({
                "topic": topic, "event": event, "payload": payload,
                "ref": reference, "join_ref": join_ref,
            }),
            WireVersion::V2 => json!([join_ref, reference, topic, event, payload]),
        };
        (reference, frame.to_string())
    }

    /// Sends any text.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.stream
            .send(Message::text(text))
            .await
            .expect("an open connection");
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.stream
            .send(Message::binary(bytes.to_vec()))
            .await
            .expect("an open connection");
    }

    /// The same on a connection that may have ended; returns whether it was sent.
    pub(crate) async fn try_send_text(&mut self, text: &str) -> bool {
        self.stream.send(Message::text(text)).await.is_ok()
    }

    /// Reads and ignores everything to the end of the connection.
    pub(crate) async fn drain(mut self) {
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    pub(crate) async fn next_frame(&mut self, deadline: Duration) -> Result<Frame, SocketEnd> {
        if !self.skipped.is_empty() {
            return Ok(self.skipped.remove(0));
        }
        let next = tokio::time::timeout(deadline, self.read());
        next.await.unwrap_or(Err(SocketEnd::Silence))
    }

    /// The next frame with this event on this topic; others are dropped.
    pub(crate) async fn next_on(&mut self, topic: &str, event: &str) -> Value {
        loop {
            let frame = self.next_frame(DEADLINE).await;
            let frame =
                frame.unwrap_or_else(|end| panic!("waiting for {event} on {topic}: {end:?}"));
            if frame.topic == topic && frame.event == event {
                return frame.payload;
            }
        }
    }

    /// Reads on until the server closes.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.next_frame(DEADLINE).await {
                Ok(_) => {}
                Err(SocketEnd::Closed(code)) => return code,
                Err(SocketEnd::Silence) => panic!("still open"),
            }
        }
    }

    async fn read(&mut self) -> Result<Frame, SocketEnd> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(self.decode(&text)),
                Some(Ok(Message::Close(frame))) => {
                    return Err(SocketEnd::Closed(frame.map(|frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(SocketEnd::Closed(None)),
            }
        }
    }

    fn decode(&self, text: &str) -> Frame {
        let mut frame: Value = serde_json::from_str(text).expect("a frame in JSON");
        let mut part = |index: usize, name: &str| match self.vsn {
            WireVersion::V1 => frame[name].take(),
            WireVersion::V2 => frame[index].take(),
        };
        let text_of = |value: Value| value.as_str().expect("a text").to_owned();
        Frame {
            join_ref: part(0, "join_ref"),
            reference: part(1, "ref"),
            topic: text_of(part(2, "topic")),
            event: text_of(part(3, "event")),
            payload: part(4, "payload"),
        }
    }
}
