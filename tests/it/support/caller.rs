//! REST as one caller: `server.user(3).post("/api/v1/bookings", &body).await`.

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde_json::Value;

use super::server::DEADLINE;

#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    base: String,
    headers: Vec<(&'static str, String)>,
}

/// An answer of REST.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The address that was asked.
    url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body as text.
    pub(crate) text: String,
    /// The body as JSON; `Null` if it is not JSON.
    pub(crate) body: Value,
}

impl Caller {
    pub(crate) fn new(http: reqwest::Client, base: String) -> Caller {
        Caller {
            http,
            base,
            headers: Vec::new(),
        }
    }

    /// Adds a header to every request from now on.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Caller {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body.to_string())).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body.to_string())).await
    }

    /// Sends any method and body, JSON or not.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let answer = self.try_send(method, path, body).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Sends bytes with these headers and no others about the body.
    pub(crate) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let address = self.address(path);
        let mut request = self.http.request(method, address).timeout(DEADLINE);
        let own = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request = request.header(name, value);
        }
        let answer = Answer::read(request.body(body).send().await.expect("an answer")).await;
        answer.expect("an answer")
    }

    /// A path is below the base; what an answer links to is an address already.
    fn address(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => format!("{}{path}", self.base),
            false => path.to_owned(),
        }
    }

    /// Like [`Caller::send`], for a server that may go away.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> reqwest::Result<Answer> {
        let mut request = self
            .http
            .request(method, self.address(path))
            .timeout(DEADLINE);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        Answer::read(request.send().await?).await
    }
}

impl Answer {
    async fn read(response: reqwest::Response) -> reqwest::Result<Answer> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let url = response.url().clone();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer {
            url,
            status,
            headers,
            text,
            body,
        })
    }

    /// Asserts the status, and returns the envelope's `data`.
    #[track_caller]
    pub(crate) fn data(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        &self.body["data"]
    }

    /// Asserts the status, and returns the refusal's code.
    #[track_caller]
    pub(crate) fn code(&self, status: u16) -> &str {
        self.data(status)["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no code: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a header in ASCII"))
    }

    /// The address of the next page, of those in `Link`: relative to the one that was asked.
    pub(crate) fn next_page(&self) -> Option<String> {
        let mut links = self.header("link")?.split(", ");
        let next = links.find(|link| link.ends_with("rel=\"next\""))?;
        let (reference, _) = next.strip_prefix('<')?.split_once('>')?;
        Some(self.url.join(reference).expect("a reference").into())
    }

    /// The revision in `X-Event-Revision`.
    #[track_caller]
    pub(crate) fn revision(&self) -> u64 {
        let revision = self.header("x-event-revision").expect("X-Event-Revision");
        revision.parse().expect("a revision")
    }
}
