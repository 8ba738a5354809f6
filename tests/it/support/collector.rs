//! A collector of traces, which keeps the spans that it gets by OTLP over HTTP.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

/// Runs as long as the test's runtime does.
pub(crate) struct Collector {
    /// As in `http://127.0.0.1:40123`.
    pub(crate) url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub(crate) async fn start() -> Collector {
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = spans.clone();
        let take = async move |body: Bytes| {
            let sent = ExportTraceServiceRequest::decode(body).expect("OTLP");
            let resources = sent.resource_spans.into_iter();
            let scopes = resources.flat_map(|resource| resource.scope_spans);
            let sent = scopes.flat_map(|scope| scope.spans);
            kept.lock().expect("no panic").extend(sent);
        };
        let router = Router::new().route("/v1/traces", post(take));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async { axum::serve(listener, router).await });
        Collector { url, spans }
    }

    /// All spans so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("no panic").clone()
    }
}

/// A span's attribute of this name, as text.
pub(crate) fn said(span: &Span, name: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|said| said.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}
