//! Bodies of requests that were refused before anybody read them.
//!
//! hyper closes a connection whose body has not arrived by the time of its answer, without a word: the next request that a proxy
//! sends on it is lost. So a short body is waited for, and before a long one the answer says that the connection ends.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};

use crate::config::inside::{UNREAD_BODY_BYTES_MAX, UNREAD_BODY_WAIT_MS};

/// A request's body, of which the connection keeps hold.
#[derive(Clone)]
struct KeptBody(Arc<Mutex<BodyInHands>>);

struct BodyInHands {
    body: Incoming,
    /// Whether somebody has begun to read it.
    begun: bool,
    /// Whether somebody has read it to its end; one without a length does not know by itself.
    ended: bool,
}

impl BodyInHands {
    fn is_at_end(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}

/// A body that may be left unread; `None` if there is nothing to read.
pub(super) struct Unread(Option<UnreadBody>);

struct UnreadBody {
    body: KeptBody,
    /// Whether the client sends it only when asked to.
    is_asked_for: bool,
}

/// Keeps hold of the request's body.
pub(super) fn kept(request: Request<Incoming>) -> (Request, Unread) {
    if request.body().is_end_stream() {
        return (request.map(Body::new), Unread(None));
    }
    let is_asked_for = request.headers().contains_key(header::EXPECT);
    let (head, body) = request.into_parts();
    let hands = BodyInHands {
        body,
        begun: false,
        ended: false,
    };
    let body = KeptBody(Arc::new(Mutex::new(hands)));
    let request = Request::from_parts(head, Body::new(body.clone()));
    (request, Unread(Some(UnreadBody { body, is_asked_for })))
}

impl Unread {
    /// Reads what nobody has begun to read, if it is short and comes soon; otherwise the answer says that the connection ends.
    pub(super) async fn before(self, mut answer: Response) -> Response {
        let Some(UnreadBody { body, is_asked_for }) = self.0 else {
            return answer;
        };
        let is_at_end = match is_asked_for {
            true => body.hands().is_at_end(),
            false => body.read_up().await,
        };
        if !is_at_end {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        answer
    }
}

impl KeptBody {
    fn hands(&self) -> MutexGuard<'_, BodyInHands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_up(mut self) -> bool {
        {
            let hands = self.hands();
            let is_short = hands.body.size_hint().lower() <= UNREAD_BODY_BYTES_MAX;
            if hands.begun || !is_short {
                return hands.is_at_end();
            }
        }
        let reading = async {
            let mut read = 0;
            loop {
                let next = std::future::poll_fn(|context| Pin::new(&mut self).poll_frame(context));
                match next.await {
                    None => return true,
                    Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len() as u64),
                    Some(Err(_)) => return false,
                }
                if read > UNREAD_BODY_BYTES_MAX {
                    return false;
                }
            }
        };
        let wait = Duration::from_millis(UNREAD_BODY_WAIT_MS);
        tokio::time::timeout(wait, reading).await.unwrap_or(false)
    }
}

impl hyper::body::Body for KeptBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut hands = self.hands();
        hands.begun = true;
        let frame = Pin::new(&mut hands.body).poll_frame(context);
        hands.ended = matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.hands().is_at_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.hands().body.size_hint()
    }
}
