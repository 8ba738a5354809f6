//! `/rest/v1/` in the forms of PostgREST: a table of requests and their answers, what callers may see, and what an
//! insert becomes.

use reqwest::Method;
use seatcast::auth::{Auth, Role};
use seatcast::ticketing::EventId;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_postgres::Client;

use crate::support::caller::Answer;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, user};
use crate::support::websocket::WireVersion;

/// Two events of one organizer in a database of their own, and what hangs on them.
struct World {
    server: TestServer,
    client: Client,
    /// With types «Stalls» (3 seats, one blocked), «Standing», «Gallery, "upper"», and two notices of which one has ended.
    show: Staged,
    draft: EventId,
}

async fn world() -> World {
    let server = TestServer::builder()
        .with(|config| config.interactions.interactions_interval_ms = 50)
        .start()
        .await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 3)
        .row(3)
        .ticket_type("Standing", 2_000, 80)
        .ticket_type("Gallery, \"upper\"", 3_000, 40)
        .then("update seats set blocked = true where event_id = $event and number = '2'")
        .then("insert into notices (event_id, type, message, until) values
                   ($event, 'custom', 'Doors open at seven', null), ($event, 'custom', 'Over', now() - interval '1 hour')")
        .stage(&client)
        .await;
    show.try_sell(&client, 1, None, 75).await.expect("a sale");
    let draft = Show::new().ticket_type("Secret", 1, 1);
    let draft = draft
        .then("update events set status = 'draft', title = 'A draft' where id = $event")
        .stage(&client)
        .await;
    let gone = Show::new().ticket_type("Gone", 1, 1);
    gone.then("update events set deleted_at = now() where id = $event")
        .stage(&client)
        .await;
    World {
        server,
        client,
        draft: draft.event,
        show,
    }
}

/// The expected answer.
enum Expected {
    /// The body, as JSON.
    Rows(Value),
    /// The body, as text.
    Text(&'static str),
    /// The code of a refusal.
    Code(&'static str),
}
use Expected::{Code, Rows, Text};

/// A request's headers (`name: value`, by lines), the path behind `/rest/v1/`, and the status, `Content-Range` and body
/// of its answer. `{e}` stands for the event's id, `{d}` for the draft's, `{1}` … for the ids of ticket types.
type Case = (
    &'static str,
    &'static str,
    u16,
    Option<&'static str>,
    Expected,
);

const OBJECT: &str = "accept: application/vnd.pgrst.object+json";
const COUNT: &str = "prefer: count=exact";
const CSV: &str = "accept: text/csv";

impl World {
    fn filled(&self, text: &str) -> String {
        let mut text = text
            .replace("{e}", &self.show.event.to_string())
            .replace("{d}", &self.draft.to_string());
        for (nth, id) in self.show.ticket_types.iter().enumerate() {
            text = text.replace(&format!("{{{}}}", nth + 1), &id.to_string());
        }
        text
    }

    async fn ask(
        &self,
        method: Method,
        headers: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut caller = self.server.anonymous();
        for line in headers.lines() {
            let (name, value) = line.trim().split_once(": ").expect("a header");
            caller = caller.with_header(name, value);
        }
        let path = format!("/rest/v1/{}", self.filled(path));
        caller
            .send(method, &path, body.map(|body| body.to_string()))
            .await
    }

    async fn holds(&self, cases: Vec<Case>) {
        for (headers, path, status, range, expected) in cases {
            let answer = self.ask(Method::GET, headers, path, None).await;
            let told = format!("{headers} {path}: {} {}", answer.status, answer.text);
            assert_eq!(answer.status, status, "{told}");
            if range.is_some() || status < 300 {
                let range = range.map(|range| self.filled(range));
                assert_eq!(answer.header("content-range"), range.as_deref(), "{told}");
            }
            assert_eq!(
                answer.header("access-control-allow-origin"),
                Some("*"),
                "{told}"
            );
            match expected {
                Rows(rows) => {
                    // Ids are numbers: the quotes around their places go.
                    let rows = rows.to_string().replace("\"{", "{").replace("}\"", "}");
                    let rows: Value = serde_json::from_str(&self.filled(&rows)).expect("JSON");
                    assert_eq!(answer.body, rows, "{told}");
                }
                Text(text) => assert_eq!(answer.text, self.filled(text), "{told}"),
                Code(code) => refused(&answer, code, &told),
            }
        }
    }
}

#[track_caller]
fn refused(answer: &Answer, code: &str, told: &str) {
    assert_eq!(answer.body["code"], code, "{told}");
    assert!(answer.body["message"].is_string(), "{told}");
    for name in ["details", "hint"] {
        let value = answer.body.get(name);
        assert!(
            value.is_some_and(|value| value.is_string() || value.is_null()),
            "{told}"
        );
    }
}

/// Names of the event's ticket types, in the order of the answer.
fn names(names: &[&str]) -> Expected {
    Rows(names.iter().map(|name| json!({ "name": name })).collect())
}

const UPPER: &str = "Gallery, \"upper\"";

#[tokio::test]
async fn core_29_tables_are_selected_filtered_and_ordered() {
    let world = world().await;
    world
        .holds(vec![
            // Queries of a page written for Supabase.
            (
                "",
                "event_tickets?select=id%2Cavailable_count%2Creserved_count%2Csold_count&event_id=eq.{e}",
                200,
                Some("0-2/*"),
                Rows(json!([
                    {"id": "{1}", "available_count": 2, "reserved_count": 0, "sold_count": 0},
                    {"id": "{2}", "available_count": 5, "reserved_count": 0, "sold_count": 75},
                    {"id": "{3}", "available_count": 40, "reserved_count": 0, "sold_count": 0}])),
            ),
            ("", "event_tickets?event_id=eq.{e}&select=name", 200, Some("0-2/*"), names(&["Stalls", "Standing", UPPER])),
            ("", "event_tickets?event_id=eq.{e}&select=left:available_count&order=available_count.desc&limit=1", 200, Some("0-0/*"), Rows(json!([{"left": 40}]))),
            ("", "event_tickets?event_id=eq.{e}&select=name&order=name.desc", 200, Some("0-2/*"), names(&["Standing", "Stalls", UPPER])),
            ("", "event_tickets?event_id=eq.{e}&select=name&limit=1&offset=1", 200, Some("1-1/*"), names(&["Standing"])),
            // Operators.
            ("", "event_tickets?select=name&id=eq.{2}", 200, Some("0-0/*"), names(&["Standing"])),
            ("", "event_tickets?select=name&event_id=eq.{e}&id=neq.{2}", 200, Some("0-1/*"), names(&["Stalls", UPPER])),
            ("", "event_tickets?select=name&event_id=eq.{e}&available_count=gt.5", 200, Some("0-0/*"), names(&[UPPER])),
            ("", "event_tickets?select=name&event_id=eq.{e}&available_count=gte.5", 200, Some("0-1/*"), names(&["Standing", UPPER])),
            ("", "event_tickets?select=name&event_id=eq.{e}&available_count=lt.5", 200, Some("0-0/*"), names(&["Stalls"])),
            ("", "event_tickets?select=name&event_id=eq.{e}&available_count=lte.5&available_count=gte.5", 200, Some("0-0/*"), names(&["Standing"])),
            ("", "event_tickets?select=name&event_id=eq.{e}&name=like.St*", 200, Some("0-1/*"), names(&["Stalls", "Standing"])),
            ("", "event_tickets?select=name&event_id=eq.{e}&name=ilike.%25GALL%25", 200, Some("0-0/*"), names(&[UPPER])),
            ("", "event_tickets?select=name&event_id=eq.{e}&name=in.(Stalls,%22Gallery%2C%20%5C%22upper%5C%22%22)", 200, Some("0-1/*"), names(&["Stalls", UPPER])),
            ("", "event_tickets?select=name&event_id=eq.{e}&name=not.in.(Stalls)", 200, Some("0-1/*"), names(&["Standing", UPPER])),
            ("", "event_tickets?select=name&event_id=in.({e},{d})", 200, Some("0-2/*"), names(&["Stalls", "Standing", UPPER])),
            ("", "event_tickets?select=name&id=in.()", 200, Some("*/*"), Rows(json!([]))),
            ("", "event_tickets?select=name&event_id=eq.{e}&name=eq.Gallery%2C%20%22upper%22", 200, Some("0-0/*"), names(&[UPPER])),
            ("", "events?select=title&image_url=is.null", 200, Some("0-0/*"), Rows(json!([{"title": "A show"}]))),
            ("", "events?select=title&membership_required=is.false", 200, Some("0-0/*"), Rows(json!([{"title": "A show"}]))),
            ("", "events?select=title&starts_at=gt.2020-01-01&starts_at=lt.2999-01-01T00:00:00Z&order=starts_at", 200, Some("0-0/*"), Rows(json!([{"title": "A show"}]))),
            ("", "event_tickets?select=name&event_id=eq.{e}&or=(name.eq.Stalls,and(available_count.gt.30,name.not.is.null))", 200, Some("0-1/*"), names(&["Stalls", UPPER])),
            ("", "event_tickets?select=name&event_id=eq.{e}&not.or=(name.eq.Stalls,not.and(id.gt.{2},id.lte.{3}))", 200, Some("0-0/*"), names(&[UPPER])),
            ("", "event_tickets?select=name&event_id=eq.{e}&and=(name.like.St*,name.neq.%22Stalls%22)", 200, Some("0-0/*"), names(&["Standing"])),
            // Other tables.
            ("", "seats?select=position,status&event_id=eq.{e}&order=position.desc", 200, Some("0-2/*"), Rows(json!([
                {"position": 2, "status": "available"}, {"position": 1, "status": "blocked"}, {"position": 0, "status": "available"}]))),
            ("", "seats?select=position&event_id=eq.{e}&status=eq.blocked", 200, Some("0-0/*"), Rows(json!([{"position": 1}]))),
            ("", "notices?select=type,message,data,until&event_id=eq.{e}", 200, Some("0-0/*"), Rows(json!([
                {"type": "custom", "message": "Doors open at seven", "data": {}, "until": null}]))),
            ("", "events?select=title,status,capacity,currency&status=eq.active&order=starts_at&limit=10", 200, Some("0-0/*"), Rows(json!([
                {"title": "A show", "status": "active", "capacity": 1000, "currency": "EUR"}]))),
            // Drafts and deleted events are not there.
            ("", "events?select=id", 200, Some("0-0/*"), Rows(json!([{"id": "{e}"}]))),
            ("", "event_tickets?event_id=eq.{d}", 200, Some("*/*"), Rows(json!([]))),
            ("", "event_tickets?select=name&name=in.(Secret,Gone)", 200, Some("*/*"), Rows(json!([]))),
        ])
        .await;
}

#[tokio::test]
async fn answers_have_the_forms_of_postgrest() {
    let world = world().await;
    world
        .holds(vec![
            (
                COUNT,
                "event_tickets?select=name&event_id=eq.{e}",
                200,
                Some("0-2/3"),
                names(&["Stalls", "Standing", UPPER]),
            ),
            (
                COUNT,
                "event_tickets?select=name&event_id=eq.{e}&limit=2",
                206,
                Some("0-1/3"),
                names(&["Stalls", "Standing"]),
            ),
            (
                COUNT,
                "event_tickets?select=name&event_id=eq.{e}&offset=3",
                206,
                Some("*/3"),
                Rows(json!([])),
            ),
            (
                COUNT,
                "event_tickets?event_id=eq.{e}&offset=4",
                416,
                Some("*/3"),
                Code("PGRST103"),
            ),
            (
                COUNT,
                "event_tickets?event_id=eq.999999",
                200,
                Some("*/0"),
                Rows(json!([])),
            ),
            (
                "range: 1-1\nrange-unit: items",
                "event_tickets?select=name&event_id=eq.{e}",
                200,
                Some("1-1/*"),
                names(&["Standing"]),
            ),
            (
                "range: 2-1",
                "event_tickets?event_id=eq.{e}",
                416,
                None,
                Code("PGRST103"),
            ),
            (
                "",
                "event_tickets?event_id=eq.{e}&limit=-1",
                416,
                None,
                Code("PGRST103"),
            ),
            (
                "",
                "event_tickets?event_id=eq.{e}&limit=0",
                200,
                Some("*/*"),
                Rows(json!([])),
            ),
            (
                OBJECT,
                "event_tickets?select=name&id=eq.{2}",
                200,
                Some("0-0/*"),
                Rows(json!({"name": "Standing"})),
            ),
            (
                OBJECT,
                "event_tickets?select=name&event_id=eq.{e}",
                406,
                None,
                Code("PGRST116"),
            ),
            (
                OBJECT,
                "event_tickets?select=name&id=eq.999999",
                406,
                None,
                Code("PGRST116"),
            ),
            (
                CSV,
                "event_tickets?select=name,left:available_count&event_id=eq.{e}&id=neq.{1}",
                200,
                Some("0-1/*"),
                Text("name,left\nStanding,5\n\"Gallery, \"\"upper\"\"\",40"),
            ),
            (
                CSV,
                "events?select=title,image_url,membership_required&id=eq.{e}",
                200,
                Some("0-0/*"),
                Text("title,image_url,membership_required\nA show,,f"),
            ),
            ("accept: text/html", "events", 406, None, Code("PGRST107")),
        ])
        .await;
    let head = world
        .ask(
            Method::HEAD,
            COUNT,
            "event_tickets?event_id=eq.{e}&limit=1",
            None,
        )
        .await;
    assert_eq!(
        (head.status, head.header("content-range")),
        (206, Some("0-0/3"))
    );
    assert_eq!(head.text, "");
    let exposed = head
        .header("access-control-expose-headers")
        .unwrap_or_default();
    assert!(exposed.contains("content-range"), "{exposed}");
    let preflight = world.ask(Method::OPTIONS, "origin: https://a.example\naccess-control-request-method: POST\naccess-control-request-headers: apikey,prefer,x-client-info",
        "user_interactions", None).await;
    let allowed = preflight
        .header("access-control-allow-headers")
        .unwrap_or_default();
    assert!(
        allowed.contains("apikey") && allowed.contains("x-client-info"),
        "{allowed}"
    );
}

#[tokio::test]
async fn what_is_not_served_is_refused_in_the_shape_of_postgrest() {
    let world = world().await;
    world
        .holds(vec![
            ("", "nothing", 404, None, Code("PGRST205")),
            ("", "bookings?select=*", 404, None, Code("PGRST205")),
            ("", "user_interactions", 403, None, Code("42501")),
            ("", "", 404, None, Code("PGRST125")),
            ("", "events/1", 404, None, Code("PGRST125")),
            ("", "rpc/now", 404, None, Code("PGRST202")),
            ("", "%FF", 404, None, Code("PGRST125")),
            (
                "",
                "events?columns=id&on_conflict=id&id=eq.0",
                200,
                Some("*/*"),
                Rows(json!([])),
            ),
            (
                "accept-profile: other",
                "events",
                406,
                None,
                Code("PGRST106"),
            ),
            (
                "accept-profile: PUBLIC",
                "nothing",
                406,
                None,
                Code("PGRST106"),
            ),
            (
                "accept-profile: other",
                "rpc/now",
                406,
                None,
                Code("PGRST106"),
            ),
            (
                "accept-profile: other",
                "events/1",
                404,
                None,
                Code("PGRST125"),
            ),
            (
                "accept-profile: public",
                "nothing",
                404,
                None,
                Code("PGRST205"),
            ),
            (
                // Of what is written.
                "content-profile: other\naccept-profile: public",
                "events?id=eq.0",
                200,
                Some("*/*"),
                Rows(json!([])),
            ),
            ("", "events?select=nope", 400, None, Code("42703")),
            ("", "events?select=cancel_reason", 400, None, Code("42703")),
            ("", "events?nope=eq.1", 400, None, Code("42703")),
            ("", "events?order=nope", 400, None, Code("42703")),
            (
                "",
                "events?select=title,event_tickets(name)",
                400,
                None,
                Code("PGRST200"),
            ),
            ("", "events?select=count()", 400, None, Code("PGRST100")),
            ("", "events?select=id::text", 400, None, Code("PGRST100")),
            ("", "notices?select=data->>x", 400, None, Code("PGRST100")),
            ("", "events?id=1", 400, None, Code("PGRST100")),
            ("", "events?id=fts.1", 400, None, Code("PGRST100")),
            ("", "events?title=match.x", 400, None, Code("PGRST100")),
            ("", "events?or=(id.eq.1", 400, None, Code("PGRST100")),
            ("", "events?order=id.sideways", 400, None, Code("PGRST100")),
            ("", "events?id=eq.abc", 400, None, Code("22P02")),
            (
                "",
                "events?capacity=eq.99999999999",
                400,
                None,
                Code("22P02"),
            ),
            ("", "events?starts_at=gt.soon", 400, None, Code("22P02")),
            (
                "",
                "events?membership_required=eq.maybe",
                400,
                None,
                Code("22P02"),
            ),
            ("", "events?title=eq.%00", 400, None, Code("22P02")),
            ("", "events?title=like.%00*", 400, None, Code("22P02")),
            ("", "events?title=in.(a,%00)", 400, None, Code("22P02")),
            ("", "events?limit=ten", 400, None, Code("22P02")),
            ("", "events?id=like.1*", 400, None, Code("42883")),
            ("", "notices?data=eq.1", 400, None, Code("42883")),
            (
                "",
                "events?title=eq.'%20or%201=1%20--",
                200,
                Some("*/*"),
                Rows(json!([])),
            ),
            (
                "authorization: Bearer nonsense",
                "events",
                401,
                None,
                Code("PGRST301"),
            ),
        ])
        .await;
    for (method, path, status, code) in [
        (Method::POST, "events", 403, "42501"),
        (Method::PATCH, "events?id=eq.1", 405, "PGRST117"),
        (Method::PUT, "events?id=eq.1", 405, "PGRST117"),
        (Method::DELETE, "user_interactions?id=eq.1", 405, "PGRST117"),
        (Method::DELETE, "nothing", 404, "PGRST205"),
        (Method::POST, "rpc/now", 404, "PGRST202"),
    ] {
        let answer = world.ask(method.clone(), "", path, Some(json!({}))).await;
        assert_eq!(answer.status, status, "{method} {path} {}", answer.text);
        refused(&answer, code, &format!("{method} {path}"));
    }
    let row = || Some(json!({"action": "a"}));
    for (profile, status) in [
        ("content-profile: other", 406),
        ("content-profile: public\naccept-profile: other", 201),
    ] {
        let answer = world.ask(Method::POST, profile, "user_interactions", row());
        let answer = answer.await;
        assert_eq!(answer.status, status, "{profile}: {}", answer.text);
    }
    let other = "content-profile: other";
    let answer = world.ask(Method::PATCH, other, "events", row()).await;
    refused(&answer, "PGRST106", "before its method is looked at");
}

#[tokio::test]
async fn an_api_key_is_nobody_unless_it_is_a_token() {
    let server = TestServer::builder()
        .with(|config| {
            config.auth.jwt_secret = Some("a secret of at least 32 bytes, in all".to_owned())
        })
        .start()
        .await;
    let client = server.client().await;
    let draft = Show::new().then("update events set status = 'draft' where id = $event");
    let draft = draft.stage(&client).await;
    let mut config = seatcast::config::Config::default().auth;
    config.jwt_secret = Some("a secret of at least 32 bytes, in all".to_owned());
    let auth = Auth::new(&config).unwrap();
    let token = |user, role| auth.issue(user, role, Duration::from_secs(60)).unwrap();
    let organizer = token(draft.organizer, Role::Organizer);
    let other = token(user(&client, "organizer").await, Role::Organizer);
    let admin = token(user(&client, "admin").await, Role::Admin);
    let key = "any-key".to_owned();
    for (api_key, bearer, seen) in [
        (&key, &key, 0),
        (&key, &"sb_publishable_x".to_owned(), 0),
        (&key, &organizer, 1),
        (&key, &other, 0),
        (&key, &admin, 1),
        (&organizer, &organizer, 1),
    ] {
        let caller = server.anonymous().with_header("apikey", api_key.as_str());
        let caller = caller.with_header("authorization", format!("Bearer {bearer}"));
        let answer = caller
            .get("/rest/v1/events?select=id&status=eq.draft")
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            answer.body.as_array().map(Vec::len),
            Some(seen),
            "{api_key} {bearer}"
        );
    }
}

#[tokio::test]
async fn core_29_inserts_become_interactions() {
    let world = world().await;
    let row = json!({"action": "ticket_selected", "data": {"ticketId": 1, "eventId": world.show.event.to_string()},
        "timestamp": "2027-03-01T19:30:00.000Z", "session_id": "s1", "user_id": "ann",
        "page_url": "https://example.org/", "user_agent": "Mozilla/5.0"});
    let columns = "columns=%22action%22%2C%22data%22%2C%22timestamp%22%2C%22session_id%22%2C%22user_id%22%2C%22page_url%22%2C%22user_agent%22";
    let path = format!("user_interactions?{columns}");
    let answer = world
        .ask(Method::POST, "", &path, Some(json!([row, row])))
        .await;
    assert_eq!((answer.status, answer.text.as_str()), (201, ""));
    let wanted = "user_interactions?select=action,who:user_id";
    let answer = world
        .ask(
            Method::POST,
            "prefer: return=representation",
            wanted,
            Some(row.clone()),
        )
        .await;
    assert_eq!(
        (answer.status, &answer.body),
        (201, &json!([{"action": "ticket_selected", "who": "ann"}]))
    );
    let answer = world
        .ask(
            Method::POST,
            "prefer: return=representation\naccept: application/vnd.pgrst.object+json",
            "user_interactions",
            Some(json!([row, row])),
        )
        .await;
    assert_eq!(answer.status, 406, "{}", answer.text);

    for (body, code) in [
        (json!([{"action": "x", "colour": "red"}]), "PGRST204"),
        (json!([{"data": {}}]), "23502"),
        (json!([{"action": "x".repeat(200)}]), "22001"),
        (json!([{"action": "x", "timestamp": "soon"}]), "22P02"),
        (json!(["x"]), "PGRST102"),
    ] {
        let answer = world
            .ask(Method::POST, "", "user_interactions", Some(body))
            .await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        refused(&answer, code, &answer.text);
    }
    let answer = world.ask(Method::POST, "", "user_interactions", None).await;
    refused(&answer, "PGRST102", &answer.text);

    // Only what was answered with 201 is stored.
    let sql = "select count(*), count(*) filter (where event_id = $1 and data ->> 'user_id' = 'ann') from interactions";
    let stored = async {
        loop {
            let row = world
                .client
                .query_one(sql, &[&world.show.event])
                .await
                .expect("counts");
            let counts = (row.get::<_, i64>(0), row.get::<_, i64>(1));
            if counts.0 >= 3 {
                return counts;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let stored = tokio::time::timeout(DEADLINE, stored)
        .await
        .expect("three rows");
    assert_eq!(stored, (3, 3));
}

/// More events than one query may read: pages in the order of an index are answered, others are refused.
#[tokio::test]
async fn a_query_reads_a_bounded_number_of_rows() {
    let world = world().await;
    let fill = "insert into events (organizer_id, title, venue, starts_at, capacity, status)
                select organizer_id, 'Event ' || n, venue, starts_at + n * interval '1 hour', 100, 'active'
                  from events, generate_series(1, 10001) n where id = (select min(id) from events)";
    world.client.batch_execute(fill).await.expect("many events");
    let first: Vec<Value> = vec![json!({"title": "A show"}), json!({"title": "Event 1"})];
    let first = || Rows(Value::from(first.clone()));
    world
        .holds(vec![
            (
                "",
                "events?select=title&limit=2",
                200,
                Some("0-1/*"),
                first(),
            ),
            (
                "",
                "events?select=title&order=starts_at&status=eq.active&limit=2",
                200,
                Some("0-1/*"),
                first(),
            ),
            (
                COUNT,
                "events?select=title&limit=2",
                200,
                Some("0-1/*"),
                first(),
            ),
            (
                "",
                "events?select=title&venue=neq.x&limit=2",
                200,
                Some("0-1/*"),
                first(),
            ),
            (
                "",
                "events?select=title&title=eq.Event%2010001",
                400,
                None,
                Code("54000"),
            ),
            (
                "",
                "events?select=title&order=title&limit=2",
                400,
                None,
                Code("54000"),
            ),
            (
                "",
                "events?select=title&offset=10000",
                400,
                None,
                Code("54000"),
            ),
            (
                "",
                "event_tickets?select=name&event_id=eq.{e}&order=name.desc&limit=1",
                200,
                Some("0-0/*"),
                names(&["Standing"]),
            ),
        ])
        .await;
    let answer = world.ask(Method::GET, "", "events?select=id", None).await;
    assert_eq!(answer.body.as_array().map(Vec::len), Some(1_000));
    assert_eq!(answer.header("content-range"), Some("0-999/*"));
}

/// A client that reads, and then hears of changes, is told of the same rows both times.
#[tokio::test]
async fn rows_are_those_that_the_dialect_tells_of() {
    let world = world().await;
    let event = world.show.event;
    let topic = format!("realtime:event-tickets:{event}");
    let mut viewer = world.server.ws(WireVersion::V2).await;
    let everything = json!({"event": "*", "schema": "public", "table": "*"});
    let join = json!({"config": {"postgres_changes": [everything]}});
    viewer.join(&topic, join).await;
    // One change of each table; a notice comes of the new venue.
    let change = format!(
        "update events set venue = 'Elsewhere' where id = {event};
         update seats set blocked = true where event_id = {event} and number = '3';
         update ticket_types set capacity = 77, name = 'Floor' where id = {}",
        world.show.ticket_types[1]
    );
    world.client.batch_execute(&change).await.expect("changes");
    let mut left = vec!["event_tickets", "events", "notices", "seats"];
    while !left.is_empty() {
        let message = viewer.next_on(&topic, "postgres_changes").await;
        let (table, told) = (&message["data"]["table"], &message["data"]["record"]);
        left.retain(|name| table != name);
        let table = table.as_str().expect("a table");
        let key = if table == "seats" { "position" } else { "id" };
        let of_event = if table == "events" {
            String::new()
        } else {
            format!("&event_id=eq.{event}")
        };
        let path = format!("{table}?{key}=eq.{}{of_event}", told[key]);
        let read = world.ask(Method::GET, OBJECT, &path, None).await;
        assert_eq!(&read.body, told, "{table}");
    }
}
