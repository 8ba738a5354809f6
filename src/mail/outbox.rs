//! The demo's box: mails are kept in memory, the newest first, and read at `/dev/outbox`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::Mail;

/// Mails that are kept; the oldest go first.
const MAILS_MAX: usize = 200;

#[derive(Clone, Default)]
pub struct DemoOutbox(Arc<Mutex<VecDeque<Mail>>>);

#[derive(Serialize)]
struct KeptMail {
    to: String,
    subject: String,
    text: String,
    html: String,
    key: String,
}

impl DemoOutbox {
    pub(super) fn keep(&self, mail: Mail) {
        let mut mails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mails.push_front(mail);
        mails.truncate(MAILS_MAX);
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/dev/outbox", get(show))
            .with_state(self.clone())
    }
}

async fn show(State(outbox): State<DemoOutbox>) -> Json<Vec<KeptMail>> {
    let mails = outbox.0.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = mails.iter().map(|mail| KeptMail {
        to: mail.to.clone(),
        subject: mail.subject.clone(),
        text: mail.text.clone(),
        html: mail.html.clone(),
        key: mail.key.clone(),
    });
    Json(kept.collect())
}
