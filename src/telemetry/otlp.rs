//! Traces for a collector, by OTLP over HTTP.

use std::time::Duration;

use axum::http::Uri;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::{Layer, Registry};
use uuid::Uuid;

/// Time that the collector has to take a batch of spans.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends our spans in batches from a thread of the exporter, and drops those that the collector does not take.
///
/// `read`, `publish` and `fan_out` are sent whatever the log level.
pub(super) fn layer(
    endpoint: &str,
) -> Result<(Box<dyn Layer<Registry> + Send + Sync>, SdkTracerProvider), ExporterBuildError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(PATIENCE)
        .build()?;
    let resource = Resource::builder()
        .with_service_name("seatcast")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new(
            "service.instance.id",
            Uuid::new_v4().to_string(),
        ))
        .build();
    let traces = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(traces.tracer("seatcast"))
        .with_filter(FilterFn::new(is_ours).with_max_level_hint(Level::DEBUG));
    Ok((layer.boxed(), traces))
}

/// Keeps events below a warning out of the spans, which they would bloat; the log has them.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    let level_max = match metadata.is_span() {
        true => Level::DEBUG,
        false => Level::WARN,
    };
    metadata.target().starts_with("seatcast") && *metadata.level() <= level_max
}

/// Checks an address of the form `http://host:port`. For TLS use a collector on this machine that forwards.
pub(super) fn collector(text: &str) -> Result<String, String> {
    let address: Uri = text.parse().map_err(|_| "not an address".to_owned())?;
    match address.scheme_str() {
        Some("http") if address.authority().is_some() => Ok(text.to_owned()),
        _ => Err("it has to be http://host:port, of a collector nearby".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_reached_by_plain_http() {
        assert!(collector("http://127.0.0.1:4318").is_ok());
        assert!(collector("http://collector:4318/").is_ok());
        for bad in ["https://collector:4318", "collector:4318", "4318", ""] {
            assert!(collector(bad).is_err(), "{bad}");
        }
    }
}
