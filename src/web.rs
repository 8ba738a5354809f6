//! THE PAGES: what `web/` builds, served from the binary's own memory.
//!
//! Files under `/assets/` carry a hash of their content in their name and are cached for ever; everything else is
//! revalidated by its ETag. The build leaves a `.br` and a `.gz` beside each text file, so nothing is compressed
//! here. Only the addresses that the page's router knows (`web/src/pages/router.ts`) get the page; a mistyped one is
//! a 404, with the page for browsers.

mod event_head;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use self::event_head::ShownEvent;
use crate::accept::takes;
use crate::config::inside::EVENT_HEAD_WAIT_MS;
use crate::ticketing::EventId;
use crate::ticketing::reference::parse_booking_reference;

#[derive(RustEmbed)]
#[folder = "web/dist/"]
struct Dist;

/// The content security policy of the pages: scripts and styles of this server only, event pictures from anywhere.
/// The elements use constructed style sheets, so inline styles are not allowed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
     img-src 'self' data: http: https:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'self'";

/// Of the service worker, which fetches files of this server and nothing else.
const WORKER_POLICY: &str = "default-src 'none'; connect-src 'self'";

/// The same for the check-in page: it compiles a decoder of QR codes (WebAssembly), and loads nothing from elsewhere.
const CHECK_IN_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     font-src 'self'; img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// The check-in page looks through the camera, and no frame inside of it does.
const CHECK_IN_PERMISSIONS: &str = "camera=(self), microphone=(), geolocation=()";
/// The same where buyers pay by Stripe: its script and its frames are the one thing that leaves the origin.
const POLICY_WITH_STRIPE: &str = "default-src 'none'; script-src 'self' https://js.stripe.com; style-src 'self'; font-src 'self'; \
     img-src 'self' data: http: https:; connect-src 'self' https://api.stripe.com; \
     frame-src https://js.stripe.com https://hooks.stripe.com; manifest-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'self'";

/// For files whose name carries a hash of their content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Revalidate each time, so that a new build is seen at once.
const ASK_AGAIN: &str = "no-cache";

/// Addresses of the organizer's desk, an entry of its own: those of its table `web/src/desk/pages.ts`.
const DESK: &[&str] = &[
    "/desk",
    "/desk/taxes",
    "/desk/events/new",
    "/desk/events/{id}",
    "/desk/events/{id}/edit",
    "/desk/events/{id}/tickets",
    "/desk/events/{id}/prices",
    "/desk/events/{id}/notices",
    "/desk/events/{id}/seats",
    "/desk/events/{id}/replay",
    "/desk/events/{id}/bookings",
    "/desk/events/{id}/bookings/{booking}",
    "/desk/events/{id}/doors",
    "/desk/events/{id}/waitlist",
    "/desk/events/{id}/mails",
    "/desk/events/{id}/payout",
    "/desk/review",
    "/desk/ledger",
    "/desk/people",
    "/desk/trail",
];
/// Leads to the desk's page of the same name.
const REPLAY: &str = "/events/{id}/replay";

/// The answer to the question for an event.
pub enum Asked {
    Event(Box<ShownEvent>),
    /// There is none, or not everybody may see it.
    Nothing,
    /// The database is away.
    Unknown,
}

/// The server, as far as the pages need to know of it. Cheap to clone.
#[derive(Clone)]
pub struct Pages {
    /// Asks for an event as everybody sees it.
    pub events: Arc<dyn Fn(EventId) -> BoxFuture<'static, Asked> + Send + Sync>,
    /// Where everybody finds the pages, without a slash at its end; `None` if nobody said.
    pub public_url: Option<String>,
    /// Buyers pay by Stripe.
    pub has_stripe: bool,
}

impl Pages {
    fn policy(&self) -> &'static str {
        match self.has_stripe {
            true => POLICY_WITH_STRIPE,
            false => POLICY,
        }
    }
}

/// The page's routes, its assets, and the elements that other sites embed.
pub fn router(pages: Pages) -> Router {
    let desk = DESK
        .iter()
        .chain([&REPLAY])
        .fold(Router::new(), |routes, path| routes.route(path, get(desk)));
    Router::new()
        .merge(desk)
        .route("/", get(page))
        .route("/events", get(page))
        .route("/events/{id}", get(event_page))
        .route("/bookings", get(page))
        .route("/bookings/{reference}", get(booking_page))
        .route("/account", get(page))
        .route("/checkin", get(check_in_page))
        .route("/checkin.js", get(check_in_worker))
        .route("/favicon.svg", get(favicon))
        .route("/manifest.webmanifest", get(manifest))
        .route("/icons/{file}", get(icon))
        .route("/sw.js", get(service_worker))
        .route("/assets/{file}", get(asset))
        .route("/embed/{file}", get(embedded))
        .with_state(pages)
}

/// Answers browsers that open an address where nothing is with the page, which says so. Programs keep the answer that
/// the routes gave them.
pub fn with_missing_page(pages: Pages, routes: Router) -> Router {
    routes.layer(from_fn_with_state(pages, show_missing))
}

async fn show_missing(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let opened = request.method() == Method::GET && reads_html(request.headers());
    let headers = request.headers().clone();
    let response = next.run(request).await;
    if !opened || response.status() != StatusCode::NOT_FOUND {
        return response;
    }
    let mut missing = page(State(pages), without_conditions(headers)).await;
    *missing.status_mut() = StatusCode::NOT_FOUND;
    missing
}

/// Browsers name HTML when they open a page; `fetch` does not by itself.
fn reads_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT);
    accepted.is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

/// A page that is not there is not «unchanged».
fn without_conditions(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(header::IF_NONE_MATCH);
    headers
}

async fn page(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    html("index.html", pages.policy(), &headers)
}

async fn desk(headers: HeaderMap) -> Response {
    html("desk.html", POLICY, &headers)
}

/// Routed in development mode only (`src/dev.rs`).
pub(crate) async fn dev_page(headers: HeaderMap) -> Response {
    html("dev.html", POLICY, &headers)
}

fn html(name: &str, policy: &'static str, headers: &HeaderMap) -> Response {
    as_page(serve(name, ASK_AGAIN, headers), policy)
}

fn as_page(mut response: Response, policy: &'static str) -> Response {
    let policy = HeaderValue::from_static(policy);
    let referrer = HeaderValue::from_static("strict-origin-when-cross-origin");
    let added = response.headers_mut();
    added.insert(header::CONTENT_SECURITY_POLICY, policy);
    added.insert(header::REFERRER_POLICY, referrer);
    response
}

/// The page with the event in its head. People of a draft get it as «not there» as well, and their scripts show it.
async fn event_page(
    State(pages): State<Pages>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let digits = id.bytes().all(|digit| digit.is_ascii_digit());
    let Some(id) = id.parse().ok().map(EventId).filter(|_| digits) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let patience = Duration::from_millis(EVENT_HEAD_WAIT_MS);
    let asked = tokio::time::timeout(patience, (pages.events)(id)).await;
    match asked.unwrap_or(Asked::Unknown) {
        Asked::Event(event) => match Dist::get("index.html") {
            Some(plain) => {
                let plain = String::from_utf8_lossy(&plain.data);
                let base = pages.public_url.as_deref();
                let told = event_head::with_event(&plain, &event, base);
                as_page(made(told, &headers), pages.policy())
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        Asked::Nothing => StatusCode::NOT_FOUND.into_response(),
        // The page itself does without the database.
        Asked::Unknown => page(State(pages), headers).await,
    }
}

/// The page of a booking, which its scripts read; by reference or id.
async fn booking_page(
    State(pages): State<Pages>,
    Path(named): Path<String>,
    headers: HeaderMap,
) -> Response {
    let could_be_one = parse_booking_reference(&named).is_some() || named.parse::<Uuid>().is_ok();
    match could_be_one {
        true => page(State(pages), headers).await,
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A page that was made for this request; 304 if the client has it.
fn made(page: String, asked: &HeaderMap) -> Response {
    let etag = tag(&Sha256::digest(&page), "");
    let head = head_of("index.html", &etag, ASK_AGAIN);
    match asked.get(header::IF_NONE_MATCH) {
        Some(known) if names(known, &etag) => (StatusCode::NOT_MODIFIED, head).into_response(),
        _ => (head, page).into_response(),
    }
}

/// The page for the doors, an entry of its own.
async fn check_in_page(headers: HeaderMap) -> Response {
    let mut response = serve("checkin.html", ASK_AGAIN, &headers);
    let added = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CHECK_IN_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("permissions-policy"),
            CHECK_IN_PERMISSIONS,
        ),
    ] {
        added.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The service worker that opens the check-in page without network. It lies beside the page, which is its scope.
async fn check_in_worker(headers: HeaderMap) -> Response {
    serve("checkin.js", ASK_AGAIN, &headers)
}

async fn favicon(headers: HeaderMap) -> Response {
    serve("favicon.svg", ASK_AGAIN, &headers)
}

async fn manifest(headers: HeaderMap) -> Response {
    serve("manifest.webmanifest", ASK_AGAIN, &headers)
}

async fn icon(Path(file): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("icons/{file}"), ASK_AGAIN, &headers)
}

/// At the root, since a service worker rules over the addresses beside and below its own.
async fn service_worker(headers: HeaderMap) -> Response {
    let mut response = serve("sw.js", ASK_AGAIN, &headers);
    let policy = HeaderValue::from_static(WORKER_POLICY);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Response {
    for_other_sites(serve(&format!("assets/{file}"), FOR_EVER, &headers))
}

async fn embedded(Path(file): Path<String>, headers: HeaderMap) -> Response {
    for_other_sites(serve(&format!("embed/{file}"), ASK_AGAIN, &headers))
}

/// A font of the pages: its family, the beginning of its file's name, and its letters.
const FONTS: [(&str, &str, &str); 4] = [
    (
        "Inter Variable",
        "assets/inter-latin-wght-normal-",
        "U+0000-00FF, U+2000-206F, U+20AC, U+2122, U+2212",
    ),
    (
        "Inter Variable",
        "assets/inter-latin-ext-wght-normal-",
        "U+0100-02BA, U+1E00-1EFF, U+20A0-20AB, U+20AD-20C0",
    ),
    (
        "Noto Sans Thai Variable",
        "assets/noto-sans-thai-thai-wght-normal-",
        "U+0E01-0E5B, U+25CC",
    ),
    (
        "Vazirmatn Variable",
        "assets/vazirmatn-arabic-wght-normal-",
        "U+0600-06FF, U+0750-077F, U+FB50-FDFF, U+FE70-FEFC",
    ),
];

/// Style rules that bring the fonts of the pages to one that the server writes itself. `root` leads from that page to the root.
pub fn font_faces(root: &str) -> String {
    let face = |(family, beginning, letters): &(&str, &str, &str)| {
        let file =
            Dist::iter().find(|name| name.starts_with(beginning) && name.ends_with(".woff2"))?;
        Some(format!(
            "@font-face{{font-family:'{family}';font-weight:100 900;font-display:swap;\
             src:url('{root}{file}') format('woff2');unicode-range:{letters}}}\n"
        ))
    };
    FONTS.iter().filter_map(face).collect()
}

/// Allows every origin: browsers load module scripts and fonts from elsewhere only then.
fn for_other_sites(mut response: Response) -> Response {
    let anyone = HeaderValue::from_static("*");
    let added = response.headers_mut();
    added.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anyone);
    response
}

/// The file in the smallest encoding that the client accepts; 304 if it has it, 404 if there is none.
fn serve(name: &str, cache: &'static str, asked: &HeaderMap) -> Response {
    let Some((file, encoding)) = find(name, asked.get(header::ACCEPT_ENCODING)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = etag(&file, encoding);
    let known = asked.get(header::IF_NONE_MATCH);
    let head = head_of(name, &etag, cache);
    if known.is_some_and(|known| names(known, &etag)) {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    let mut response = (head, Body::from(bytes(file))).into_response();
    let added = response.headers_mut();
    if let Some(encoding) = encoding {
        let encoding = HeaderValue::from_static(encoding.token());
        added.insert(header::CONTENT_ENCODING, encoding);
    }
    response
}

fn head_of(name: &str, etag: &HeaderValue, cache: &'static str) -> [(HeaderName, HeaderValue); 5] {
    let set = HeaderValue::from_static;
    [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, set(cache)),
        (header::VARY, set("accept-encoding")),
        (header::X_CONTENT_TYPE_OPTIONS, set("nosniff")),
        (header::CONTENT_TYPE, set(content_type(name))),
    ]
}

/// Without a copy: the bytes are part of the binary.
fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

/// The encoding of a precompressed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    fn token(self) -> &'static str {
        match self {
            Encoding::Brotli => "br",
            Encoding::Gzip => "gzip",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Encoding::Brotli => ".br",
            Encoding::Gzip => ".gz",
        }
    }
}

/// The smallest variant that the client takes.
fn find(name: &str, accepted: Option<&HeaderValue>) -> Option<(EmbeddedFile, Option<Encoding>)> {
    let accepted = accepted.and_then(|value| value.to_str().ok()).unwrap_or("");
    for encoding in [Encoding::Brotli, Encoding::Gzip] {
        if !takes(accepted, encoding.token()) {
            continue;
        }
        if let Some(file) = Dist::get(&format!("{name}{}", encoding.suffix())) {
            return Some((file, Some(encoding)));
        }
    }
    Dist::get(name).map(|file| (file, None))
}

fn etag(file: &EmbeddedFile, encoding: Option<Encoding>) -> HeaderValue {
    let hash = file.metadata.sha256_hash();
    tag(&hash, encoding.map_or("", Encoding::suffix))
}

fn tag(hash: &[u8], suffix: &str) -> HeaderValue {
    let mut tag = String::from("\"");
    for byte in hash.iter().take(12) {
        tag.push_str(&format!("{byte:02x}"));
    }
    tag.push_str(suffix);
    tag.push('"');
    // Hexadecimal digits and our own suffix are always a valid header value.
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether an `If-None-Match` lists the tag; proxies may have made it a weak one.
fn names(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else {
        return false;
    };
    known
        .split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use axum::http::Request;
    use tower::ServiceExt;

    async fn get(path: &str, headers: &[(HeaderName, &str)]) -> Response {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        router(pages()).oneshot(request).await.unwrap()
    }

    /// One event, 42.
    fn pages() -> Pages {
        let find = |id: EventId| -> BoxFuture<'static, Asked> {
            Box::pin(async move {
                match id.0 {
                    42 => Asked::Event(Box::new(event_head::tests::event())),
                    500 => Asked::Unknown,
                    _ => Asked::Nothing,
                }
            })
        };
        Pages {
            events: Arc::new(find),
            public_url: Some("https://tickets.example".to_owned()),
            has_stripe: false,
        }
    }

    #[tokio::test]
    async fn browsers_get_the_page_where_nothing_is_and_programs_what_they_got() {
        let routes = with_missing_page(pages(), router(pages()));
        let ask = async |path: &str, accept: &str| {
            let request = Request::builder().uri(path).header(header::ACCEPT, accept);
            let request = request.body(Body::empty()).unwrap();
            routes.clone().oneshot(request).await.unwrap()
        };
        for path in ["/nope", "/events/abc", "/events/1/", "/bookings/"] {
            let response = ask(path, "text/html,application/xhtml+xml,*/*;q=0.8").await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            let head = response.headers();
            assert_eq!(head[header::CONTENT_TYPE], "text/html; charset=utf-8");
            assert!(head.contains_key(header::CONTENT_SECURITY_POLICY));
            let response = ask(path, "application/json").await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert!(!response.headers().contains_key(header::CONTENT_TYPE));
        }
        let known = ask("/bookings", "text/html").await;
        assert_eq!(known.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn the_pages_routes_answer_with_the_page_and_no_others_do() {
        for path in [
            "/",
            "/events",
            "/events/42",
            "/events/500",
            "/bookings",
            "/bookings/BK-7F3K9Q",
            "/account",
        ] {
            let response = get(path, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let head = response.headers();
            assert_eq!(head[header::CONTENT_TYPE], "text/html; charset=utf-8");
            assert_eq!(head[header::CACHE_CONTROL], ASK_AGAIN);
            assert!(head.contains_key(header::CONTENT_SECURITY_POLICY));
        }
        for path in [
            "/nothing",
            "/events/7",
            "/events/99999999999999999999",
            "/events/x",
            "/events/1/x",
            "/assets/none.js",
            "/assets/..%2fCargo.toml",
            "/index.html",
        ] {
            assert_eq!(
                get(path, &[]).await.status(),
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
    }

    #[test]
    fn the_addresses_of_the_desks_table_are_served() {
        let table = include_str!("../web/src/desk/pages.ts");
        let paths = table
            .lines()
            .filter_map(|line| line.trim().strip_prefix("path: '"));
        let paths: Vec<_> = paths.map(|rest| rest.trim_end_matches("',")).collect();
        assert_eq!(paths.len(), DESK.len());
        for path in paths {
            assert!(DESK.contains(&path), "{path}");
        }
    }

    #[tokio::test]
    async fn only_the_check_in_page_compiles_and_looks_through_the_camera() {
        let doors = get("/checkin", &[]).await;
        assert_eq!(doors.status(), StatusCode::OK);
        let policy = |response: &Response| {
            let policy = &response.headers()[header::CONTENT_SECURITY_POLICY];
            policy.to_str().unwrap().to_owned()
        };
        assert!(policy(&doors).contains("'wasm-unsafe-eval'"));
        assert!(
            doors.headers()["permissions-policy"]
                .to_str()
                .unwrap()
                .starts_with("camera=(self)")
        );
        let shop = get("/", &[]).await;
        assert!(!policy(&shop).contains("wasm"));
        assert_ne!(shop.headers()[header::ETAG], doors.headers()[header::ETAG]);
    }

    #[tokio::test]
    async fn the_pages_can_be_installed() {
        for (path, content_type) in [
            ("/sw.js", "text/javascript; charset=utf-8"),
            ("/manifest.webmanifest", "application/manifest+json"),
            ("/icons/192.png", "image/png"),
        ] {
            let response = get(path, &[]).await;
            // A checkout whose pages were not built has no script.
            if Dist::get(path.trim_start_matches('/')).is_none() {
                continue;
            }
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let head = response.headers();
            assert_eq!(head[header::CONTENT_TYPE], content_type, "{path}");
            // A worker that a browser keeps would keep the pages of an old build.
            assert_eq!(head[header::CACHE_CONTROL], ASK_AGAIN, "{path}");
        }
        let worker = get("/sw.js", &[]).await;
        let policy = &worker.headers()[header::CONTENT_SECURITY_POLICY];
        assert_eq!(policy, WORKER_POLICY);
    }

    #[tokio::test]
    async fn who_has_the_page_is_told_so() {
        let first = get("/", &[]).await;
        let etag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        for known in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"other\", {etag}"),
        ] {
            let again = get("/", &[(header::IF_NONE_MATCH, &known)]).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        }
        let other = get("/", &[(header::IF_NONE_MATCH, "\"other\"")]).await;
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn only_where_stripe_takes_the_money_the_page_may_load_its_script() {
        let policy = async |has_stripe| {
            let pages = Pages {
                has_stripe,
                ..pages()
            };
            let request = Request::builder().uri("/events/42");
            let request = request.body(Body::empty()).unwrap();
            let answer = router(pages).oneshot(request).await.unwrap();
            let policy = &answer.headers()[header::CONTENT_SECURITY_POLICY];
            policy.to_str().unwrap().to_owned()
        };
        assert!(!policy(false).await.contains("stripe"));
        assert!(
            policy(true)
                .await
                .contains("script-src 'self' https://js.stripe.com;")
        );
    }

    #[tokio::test]
    async fn an_events_page_is_another_one_when_its_numbers_changed() {
        let first = get("/events/42", &[]).await;
        let etag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = get("/events/42", &[(header::IF_NONE_MATCH, &etag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let shell = get("/", &[(header::IF_NONE_MATCH, &etag)]).await;
        assert_eq!(shell.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn what_is_named_by_its_content_is_kept_for_ever_and_comes_compressed() {
        // A checkout whose pages were not built has no scripts.
        let Some(script) = Dist::iter().find(|name| name.ends_with(".js.br")) else {
            return;
        };
        let path = format!("/{}", script.trim_end_matches(".br"));
        let small = get(&path, &[(header::ACCEPT_ENCODING, "gzip, br")]).await;
        let head = small.headers();
        assert_eq!(head[header::CONTENT_ENCODING], "br");
        assert_eq!(head[header::CACHE_CONTROL], FOR_EVER);
        assert_eq!(head[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        let plain = get(&path, &[]).await;
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
        assert_ne!(plain.headers()[header::ETAG], head[header::ETAG]);
    }
}
