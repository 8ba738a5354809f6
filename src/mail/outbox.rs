//! The demo's box: mails are kept in memory, the newest first, and read at `/dev/outbox`, with their attachments.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::{Attachment, Mail};

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
    attachments: Vec<KeptAttachment>,
}

#[derive(Serialize)]
struct KeptAttachment {
    name: String,
    content_type: &'static str,
    bytes: usize,
    /// Path at which it is served.
    url: String,
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
            .route("/dev/outbox/{key}/{number}", get(attachment))
            .with_state(self.clone())
    }

    fn attachment(&self, key: &str, number: usize) -> Option<Attachment> {
        let mails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mail = mails.iter().find(|mail| mail.key == key)?;
        mail.attachments.get(number).cloned()
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
        attachments: mail
            .attachments
            .iter()
            .enumerate()
            .map(kept(&mail.key))
            .collect(),
    });
    Json(kept.collect())
}

fn kept(key: &str) -> impl Fn((usize, &Attachment)) -> KeptAttachment {
    move |(number, file)| KeptAttachment {
        name: file.name.clone(),
        content_type: file.content_type,
        bytes: file.bytes.len(),
        url: format!("/dev/outbox/{key}/{number}"),
    }
}

async fn attachment(
    State(outbox): State<DemoOutbox>,
    Path((key, number)): Path<(String, usize)>,
) -> Response {
    match outbox.attachment(&key, number) {
        Some(file) => ([(header::CONTENT_TYPE, file.content_type)], file.bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
