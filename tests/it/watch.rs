//! `seatcast watch` shows every change, says when it cannot, and catches up.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::support::binary::{output, seatcast};
use crate::support::cut::Link;
use crate::support::server::TestServer;
use crate::support::show::Show;
use seatcast::ticketing::EventId;

const PATIENCE: Duration = Duration::from_secs(20);

/// The command with its output in a pipe: a line per change.
struct WatchProcess {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl WatchProcess {
    fn start(event: EventId, url: &str) -> WatchProcess {
        let mut child = seatcast(&["watch", &event.to_string(), "--url", url])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (said, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        WatchProcess { child, lines }
    }

    /// Reads on until a line has this in it.
    async fn says(&mut self, wanted: &str) {
        let mut heard = Vec::new();
        let found = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = self.lines.recv().await {
                if line.contains(wanted) {
                    return;
                }
                heard.push(line);
            }
            std::future::pending().await
        });
        assert!(found.await.is_ok(), "no «{wanted}» in {heard:#?}");
    }
}

impl Drop for WatchProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn every_change_is_shown_also_after_a_cut() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 100)
        .stage(&client)
        .await;
    let (link, address) = Link::to_server(server.address()).await;
    let mut watch = WatchProcess::start(show.event, &format!("http://{address}"));
    watch.says("LIVE").await;
    watch.says("Stalls: 100 left, 0 held, 0 sold").await;
    show.sell(&client, 4).await;
    watch.says("Stalls: 96 left, 0 held, 4 sold").await;
    link.cut();
    watch.says("OFFLINE").await;
    show.sell(&client, 3).await;
    link.restore();
    watch.says("LIVE").await;
    watch.says("Stalls: 93 left, 0 held, 7 sold").await;
}

#[tokio::test]
async fn an_event_that_is_not_there_is_an_error() {
    let server = TestServer::start().await;
    let url = format!("http://{}", server.address());
    let watch = move || output(&mut seatcast(&["watch", "404", "--url", &url]));
    let refused = tokio::task::spawn_blocking(watch).await.unwrap();
    assert!(!refused.status.success());
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("EVENT_NOT_FOUND"), "{why}");
}
