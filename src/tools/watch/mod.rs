//! `seatcast watch <event>`: the tickets left of an event, live in the terminal.
//!
//! A client like any other: it joins `event:{id}` over the public WebSocket, proves every frame
//! by its revisions ([`view`]), and comes back with `since` when the connection is lost.

mod freshness;
mod screen;
mod view;
mod wire;

use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

use crate::pacing::Backoff;
use crate::ticketing::EventId;

use freshness::ShownFreshness;
use screen::Screen;
use view::{FrameOutcome, Status, TerminalView};
use wire::ServerFrame;

/// The server closes what is silent for 60 s.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(25);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Bounds of the pause before the next connection, which doubles with each failure in a row.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The event to watch, and the server that tells of it.
#[derive(Debug, Clone, clap::Args)]
pub struct WatchOptions {
    /// The event's number.
    pub event: EventId,
    /// The server's address; by default the one that HOST and PORT name, or else
    /// http://127.0.0.1:8000.
    #[arg(long, env = "SEATCAST_URL")]
    pub url: Option<String>,
    /// A token, for events that are not public yet (`seatcast token` makes one).
    #[arg(long, env = "SEATCAST_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("{url} is no address of a server: it has to begin with http:// or ws://")]
    Url { url: String },
    #[error("the server refused: {reason} ({code})")]
    RefusedJoin { code: String, reason: String },
    #[error("cannot write to the terminal")]
    Terminal(#[from] io::Error),
}

/// Runs until it is cancelled, or until the server refuses for good.
pub async fn watch(options: WatchOptions, end: CancellationToken) -> Result<(), WatchError> {
    let server = options.url.clone().unwrap_or_else(|| {
        let set = |name| std::env::var(name).ok();
        default_server(set("HOST"), set("PORT"))
    });
    let Some(url) = wire::endpoint(&server) else {
        return Err(WatchError::Url { url: server });
    };
    let mut stdout = io::stdout();
    writeln!(stdout, "watching event {} at {server}", options.event)?;
    let in_place = stdout.is_terminal();
    let mut watcher = Watcher {
        url,
        view: TerminalView::new(options.event),
        screen: Screen::new(stdout, in_place),
        options,
    };
    match end.run_until_cancelled(watcher.run()).await {
        Some(result) => result,
        None => Ok(watcher.screen.leave()?),
    }
}

/// The address on which `seatcast serve` listens in the same environment. A server that listens on
/// all addresses is reached on the loopback.
fn default_server(host: Option<String>, port: Option<String>) -> String {
    let set = |value: Option<String>| value.filter(|value| !value.is_empty());
    let host = match set(host).as_deref().map(str::parse::<IpAddr>) {
        None => "127.0.0.1".to_owned(),
        Some(Ok(host)) if host.is_unspecified() => "127.0.0.1".to_owned(),
        Some(Ok(host)) if host.is_ipv6() => format!("[{host}]"),
        Some(Ok(host)) => host.to_string(),
        Some(Err(_)) => "127.0.0.1".to_owned(),
    };
    let port = set(port).unwrap_or_else(|| "8000".to_owned());
    format!("http://{host}:{port}")
}

struct Watcher {
    options: WatchOptions,
    url: String,
    view: TerminalView,
    screen: Screen<io::Stdout>,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The reason why a connection ended.
enum ConnectionEnd {
    /// Connect again after a random pause, longer after each failure in a row.
    Lost(String),
    /// The server drains; connect again after this long.
    Drained(Duration),
    /// For good: the watch ends with it.
    Final(WatchError),
}

impl Watcher {
    async fn run(&mut self) -> Result<(), WatchError> {
        let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX);
        self.show(Status::Connecting)?;
        loop {
            let ended = self.connect_and_follow().await;
            if self.view.take_was_live() {
                backoff.reset();
            }
            let (why, delay) = match ended {
                // Random, so that many watchers of one server do not come back at once.
                ConnectionEnd::Lost(why) => {
                    (why, rand::random_range(Duration::ZERO..=backoff.pause()))
                }
                ConnectionEnd::Drained(delay) => ("the server restarts".to_owned(), delay),
                ConnectionEnd::Final(error) => return Err(error),
            };
            self.show(Status::Offline(why))?;
            tokio::time::sleep(delay).await;
        }
    }

    async fn connect_and_follow(&mut self) -> ConnectionEnd {
        let connecting = tokio_tungstenite::connect_async(&self.url);
        match tokio::time::timeout(CONNECT_PATIENCE, connecting).await {
            Err(_) => ConnectionEnd::Lost("no answer".into()),
            Ok(Err(error)) => ConnectionEnd::from(error),
            Ok(Ok((socket, _))) => match self.follow(socket).await {
                Err(ended) => ended,
                Ok(never) => match never {},
            },
        }
    }

    async fn follow(&mut self, mut socket: Socket) -> Result<Infallible, ConnectionEnd> {
        let mut heartbeat = tokio::time::interval(HEARTBEAT_INTERVAL);
        let mut freshness = ShownFreshness::new(Instant::now());
        self.join(&mut socket).await?;
        loop {
            let (deadline, overdue) = freshness.deadline();
            tokio::select! {
                message = socket.next() => {
                    let rejoin = self.hear(message, &mut freshness)?;
                    if rejoin {
                        self.join(&mut socket).await?;
                    }
                }
                _ = heartbeat.tick() => socket.send(wire::heartbeat()).await?,
                () = tokio::time::sleep_until(deadline) => {
                    return Err(ConnectionEnd::Lost(overdue.into()));
                }
            }
        }
    }

    /// Takes in one message; `true` if a frame is missing before it and the event has to be joined
    /// again.
    fn hear(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
        freshness: &mut ShownFreshness,
    ) -> Result<bool, ConnectionEnd> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
            Some(Ok(_)) => return Ok(false),
            Some(Err(error)) => return Err(error.into()),
            None => return Err(ConnectionEnd::Lost("the server hung up".into())),
        };
        let now = Instant::now();
        match wire::read(&text) {
            None => return Ok(false),
            Some(ServerFrame::RefusedJoin(refused)) => return Err(refused.into()),
            Some(ServerFrame::Drain(delay)) => return Err(ConnectionEnd::Drained(delay)),
            Some(ServerFrame::BeatData(beat)) => {
                freshness.beat(&beat.checked_at, self.view.is_behind(&beat), now);
                if beat.database_is_down() {
                    freshness.database_lost();
                }
            }
            Some(ServerFrame::StateData(state)) => {
                if self.view.replace_or_resume(state) == FrameOutcome::TakenBack {
                    // Shown even where the numbers were live before and are again.
                    self.show(Status::Stale)?;
                }
                freshness.frame(now);
            }
            Some(ServerFrame::Update(update)) => match self.view.apply(update) {
                FrameOutcome::Applied => freshness.frame(now),
                FrameOutcome::Known | FrameOutcome::TakenBack => {}
                FrameOutcome::Gap => return Ok(true),
            },
        }
        let current = freshness.is_current(now) && self.view.revision().is_some();
        self.show(if current { Status::Live } else { Status::Stale })?;
        Ok(false)
    }

    async fn join(&self, socket: &mut Socket) -> Result<(), tungstenite::Error> {
        let token = self.options.token.as_deref();
        let join = wire::join(self.options.event, self.view.revision(), token);
        socket.send(join).await
    }

    fn show(&mut self, status: Status) -> Result<(), WatchError> {
        self.view.set_status(status);
        Ok(self.screen.show(&mut self.view)?)
    }
}

impl From<tungstenite::Error> for ConnectionEnd {
    fn from(error: tungstenite::Error) -> ConnectionEnd {
        ConnectionEnd::Lost(match error {
            tungstenite::Error::Io(error) => error.to_string(),
            error => error.to_string(),
        })
    }
}

impl From<WatchError> for ConnectionEnd {
    fn from(error: WatchError) -> ConnectionEnd {
        ConnectionEnd::Final(error)
    }
}

impl From<wire::RefusedJoin> for ConnectionEnd {
    fn from(refused: wire::RefusedJoin) -> ConnectionEnd {
        if refused.is_final() {
            let wire::RefusedJoin { code, reason, .. } = refused;
            ConnectionEnd::Final(WatchError::RefusedJoin { code, reason })
        } else {
            ConnectionEnd::Lost(refused.reason)
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> ConnectionEnd {
    ConnectionEnd::Lost(match frame {
        Some(frame) => format!("closed with {}: {}", u16::from(frame.code), frame.reason),
        None => "closed by the server".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::default_server;

    #[test]
    fn the_server_is_looked_for_where_the_environment_puts_it() {
        let at = |host: &str, port: &str| default_server(Some(host.into()), Some(port.into()));
        assert_eq!(default_server(None, None), "http://127.0.0.1:8000");
        assert_eq!(at("0.0.0.0", "9000"), "http://127.0.0.1:9000");
        assert_eq!(at("::1", ""), "http://[::1]:8000");
        assert_eq!(at("192.0.2.7", "80"), "http://192.0.2.7:80");
    }
}
