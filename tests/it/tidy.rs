//! Scans the sources for what the rules in `ARCHITECTURE.md` forbid.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Module → the modules of the crate that it may name. The last three put the others together.
const ARROWS: &[(&str, &[&str])] = &[
    ("ticketing", &[]),
    ("config", &["ticketing"]),
    ("auth", &["config", "ticketing"]),
    ("protocol", &["config", "ticketing"]),
    (
        "store",
        &["auth", "config", "protocol", "telemetry", "ticketing"],
    ),
    ("desk", &["config", "store", "telemetry", "ticketing"]),
    ("board", &["ticketing"]),
    ("nats", &["config", "store", "telemetry", "ticketing"]),
    ("hub", &["config", "protocol", "ticketing"]),
    (
        "feed",
        &[
            "board",
            "config",
            "hub",
            "nats",
            "protocol",
            "store",
            "telemetry",
            "ticketing",
        ],
    ),
    (
        "private",
        &[
            "config",
            "hub",
            "protocol",
            "store",
            "telemetry",
            "ticketing",
        ],
    ),
    (
        "presence",
        &[
            "config",
            "hub",
            "protocol",
            "store",
            "telemetry",
            "ticketing",
        ],
    ),
    (
        "broadcast",
        &[
            "auth",
            "config",
            "hub",
            "protocol",
            "store",
            "telemetry",
            "ticketing",
        ],
    ),
    (
        "socket",
        &[
            "auth",
            "broadcast",
            "config",
            "http",
            "hub",
            "interactions",
            "limits",
            "presence",
            "protocol",
            "ticketing",
        ],
    ),
    (
        "api",
        &[
            "auth",
            "board",
            "config",
            "desk",
            "interactions",
            "jobs",
            "limits",
            "payments",
            "pdf",
            "push",
            "schema",
            "seatmap",
            "store",
            "telemetry",
            "ticketing",
        ],
    ),
    (
        "postgrest",
        &[
            "auth",
            "config",
            "interactions",
            "limits",
            "protocol",
            "schema",
            "store",
            "telemetry",
            "ticketing",
        ],
    ),
    (
        "interactions",
        &["config", "limits", "store", "telemetry", "ticketing"],
    ),
    (
        "jobs",
        &[
            "auth",
            "config",
            "desk",
            "mail",
            "payments",
            "pdf",
            "push",
            "seatmap",
            "store",
            "telemetry",
            "ticketing",
        ],
    ),
    ("mail", &["config"]),
    (
        "payments",
        &[
            "config",
            "desk",
            "outgoing",
            "store",
            "telemetry",
            "ticketing",
        ],
    ),
    ("pdf", &["auth", "store", "ticketing"]),
    ("push", &["config", "outgoing", "store"]),
    (
        "sse",
        &[
            "api",
            "auth",
            "config",
            "http",
            "hub",
            "limits",
            "presence",
            "protocol",
            "schema",
            "ticketing",
        ],
    ),
    ("schema", &["config", "ticketing"]),
    ("seatmap", &["config", "store", "ticketing"]),
    (
        "sweep",
        &["config", "desk", "store", "telemetry", "ticketing"],
    ),
    ("http", &["config", "limits"]),
    ("limits", &["config", "ticketing"]),
    ("embedded", &["config"]),
    ("dev", &["api", "store", "telemetry", "ticketing", "web"]),
    ("ended", &["auth", "config", "store", "telemetry"]),
    (
        "issuers",
        &["auth", "config", "outgoing", "store", "telemetry"],
    ),
    ("outgoing", &[]),
    ("tasks", &[]),
    ("descriptors", &["config"]),
    ("telemetry", &["ticketing"]),
    ("web", &["config", "ticketing"]),
];

/// Modules that name nobody, and that all but the rules may name.
const FOUNDATIONS: &[&str] = &["accept", "clock", "lang", "metrics", "pacing", "tasks"];

/// Modules that may name all others: they start them.
const ROOTS: &[&str] = &["cli", "run", "tools"];

/// A source file without its comments and its tests.
struct SourceFile {
    /// As in `feed/mod.rs`.
    path: String,
    code: String,
}

impl SourceFile {
    /// The module of the crate that the file belongs to.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.trim_end_matches(".rs")
    }

    fn says(&self, word: &str) -> bool {
        self.code.match_indices(word).any(|(at, _)| {
            let before = self.code[..at].chars().next_back();
            let after = self.code[at + word.len()..].chars().next();
            let inside_a_name =
                |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !inside_a_name(before) && !inside_a_name(after)
        })
    }

    /// The modules that follow `crate::`.
    fn arrows(&self) -> BTreeSet<&str> {
        let named = self.code.split("crate::").skip(1);
        named
            .map(|rest| {
                &rest[..rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len())]
            })
            .collect()
    }
}

fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 50, "the scan finds the sources");
    files
        .iter()
        .map(|file| SourceFile {
            path: file.strip_prefix(&root).unwrap().display().to_string(),
            code: code_of(&fs::read_to_string(file).unwrap()),
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "tests" && name != "simulation" {
                collect(&path, files);
            }
        } else if name.ends_with(".rs") && !["tests.rs", "samples.rs", "mistake.rs"].contains(&name)
        {
            files.push(path);
        }
    }
}

fn code_of(text: &str) -> String {
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every file that breaks the rule, by `fault`.
#[track_caller]
fn none(rule: &str, fault: impl Fn(&SourceFile) -> Option<String>) {
    let faults: Vec<String> = sources()
        .iter()
        .filter_map(|source| Some(format!("  {}: {}", source.path, fault(source)?)))
        .collect();
    assert!(faults.is_empty(), "{rule}, yet\n{}", faults.join("\n"));
}

fn first_of(source: &SourceFile, words: &[&str]) -> Option<String> {
    let word = words.iter().find(|word| source.says(word))?;
    Some(format!("says `{word}`"))
}

#[test]
fn the_scan_sees_code_and_nothing_else() {
    let text = "use crate::hub::Hub; // crate::api\nfn async_no() {}\n#[cfg(test)]\nmod tests {\nuse crate::feed;";
    let source = SourceFile {
        path: "socket/session.rs".to_owned(),
        code: code_of(text),
    };
    assert_eq!(source.module(), "socket");
    assert_eq!(source.arrows(), BTreeSet::from(["hub"]));
    assert!(source.says("Hub") && !source.says("async") && !source.says("feed"));
}

#[test]
fn arrows_point_one_way() {
    none("a module names only what lies below it", |source| {
        if ROOTS.contains(&source.module()) || ["lib", "main"].contains(&source.module()) {
            return None;
        }
        if FOUNDATIONS.contains(&source.module()) {
            let named = source.arrows().first().cloned()?;
            return Some(format!("names `crate::{named}`"));
        }
        let Some((module, allowed)) = ARROWS.iter().find(|(module, _)| *module == source.module())
        else {
            return Some("belongs to a module that has no line in ARROWS".to_owned());
        };
        let named = source.arrows();
        let is_founded = |name: &str| *module != "ticketing" && FOUNDATIONS.contains(&name);
        let wrong = named
            .iter()
            .find(|name| *name != module && !allowed.contains(name) && !is_founded(name))?;
        Some(format!("names `crate::{wrong}`"))
    });
}

#[test]
fn the_rules_are_pure() {
    let impure = [
        "async",
        "tokio",
        "std::fs",
        "std::io",
        "std::net",
        "std::thread",
        "Timestamp::now",
        "Zoned::now",
        "SystemTime",
        "Instant",
        "tracing",
    ];
    none(
        "`ticketing` does no I/O, has no clock and is never async",
        |source| (source.module() == "ticketing").then(|| first_of(source, &impure))?,
    );
}

#[test]
fn only_the_store_speaks_sql() {
    let database = ["tokio_postgres", "deadpool_postgres", "refinery"];
    none("only `store` names the database's driver", |source| {
        (source.module() != "store").then(|| first_of(source, &database))?
    });
    none("one file connects, as the address says", |source| {
        let connecting = ["NoTls", "MakeRustlsConnect", "tokio_postgres::connect"];
        let elsewhere = !["store/address.rs", "store/tls.rs"].contains(&&*source.path);
        elsewhere.then(|| first_of(source, &connecting))?
    });
    let statements = [
        "\"select ",
        "\"insert into ",
        "\"update ",
        "\"delete from ",
        "\"with ",
    ];
    none("SQL lives in `store` and `sql/`", |source| {
        let found = statements
            .iter()
            .find(|start| source.code.contains(**start))?;
        (source.module() != "store").then(|| format!("has {found}…"))
    });
}

#[test]
fn only_the_desk_writes_claims() {
    let writes = ["into claims", "update claims", "delete from claims"];
    none("claims are changed by commands", |source| {
        let fills = ["store/desk/", "store/seed/", "store/yardstick/"];
        let elsewhere = !fills.iter().any(|place| source.path.starts_with(place));
        elsewhere.then(|| first_of(source, &writes))?
    });
}

#[test]
fn only_the_feed_publishes() {
    let verbs = [
        "Publication::new",
        "hub.publish",
        "hub.opened",
        "hub.checked",
        "hub.closed",
        "hub.not_opened",
    ];
    none("only `feed` publishes table state", |source| {
        (!["feed", "hub"].contains(&source.module())).then(|| first_of(source, &verbs))?
    });
    let writes = [
        "board.expect",
        "board.show",
        "board.remove",
        "board.checked",
        "board.listening",
    ];
    none("only `feed` writes the board", |source| {
        (source.module() != "feed").then(|| first_of(source, &writes))?
    });
}

#[test]
fn a_session_does_no_io() {
    let io = [
        "mio",
        "tokio",
        "async",
        "std::fs",
        "std::io",
        "std::net",
        "std::thread",
        "Timestamp::now",
        "Instant::now",
        "SystemTime",
    ];
    none("`socket/session` does no I/O and has no clock", |source| {
        let session =
            source.path == "socket/session.rs" || source.path.starts_with("socket/session/");
        session.then(|| first_of(source, &io))?
    });
    none("`feed/planner` does no I/O and has no clock", |source| {
        let planner = source.path.starts_with("feed/planner") || source.path == "feed/entry.rs";
        planner.then(|| {
            first_of(
                source,
                &[
                    "tokio",
                    "async",
                    "Instant::now",
                    "Timestamp::now",
                    "SystemTime",
                ],
            )
        })?
    });
}

#[test]
fn nothing_runs_unseen() {
    none(
        "no detached thread or task outside the places that watch them",
        |source| {
            let known = [
                "tasks.rs", "tools", "socket", "hub", "store", "desk", "cli.rs", "embedded",
                "feed", "http.rs",
            ];
            let starts = ["tokio::spawn", "thread::spawn"];
            let at_home = known.iter().any(|place| source.path.starts_with(place));
            (!at_home).then(|| first_of(source, &starts))?
        },
    );
}

/// A field that is an error keeps its causes in text only: the JSON log says «the database cannot be reached», and not why.
#[test]
fn logged_errors_bring_their_causes() {
    none("an error is logged by with_causes", |source| {
        let bare = [
            "as &dyn Error",
            "as &dyn std::error::Error",
            ": &dyn std::error::Error = ",
            "?cause",
            "cause = ?",
        ];
        first_of(source, &bare)
    });
}

/// core_11: a node's clock may be off, and then a page would show a sale that a booking is refused; and one that came from
/// a node whose clock is ahead would show what another node proves as old until that clock's time has come.
#[test]
fn what_callers_are_told_goes_by_the_databases_clock() {
    none(
        "the database's clock is what nodes have in common",
        |source| {
            let told = ["api", "feed", "hub", "socket", "sse"].contains(&source.module());
            told.then(|| first_of(source, &["Timestamp::now"]))
                .flatten()
        },
    );
}

/// The OpenAPI document has what is written with `routes!`, and access is tested by it.
#[test]
fn every_other_route_is_on_the_page_of_access() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/access.md");
    let page = fs::read_to_string(path).unwrap();
    let is_told =
        |path: &String| page.contains(&format!("`{path}`")) || page.contains(&format!(" {path}`"));
    none("docs/access.md names every route", |source| {
        // Of programs beside the server.
        if source.path.starts_with("tools/") {
            return None;
        }
        let untold = routes_of(&source.code)
            .into_iter()
            .find(|path| !is_told(path))?;
        Some(format!("serves `{untold}`"))
    });
    let code = "const PAGE: &str = \"/a\";\n.route(PAGE, get(a)).route(\n\"/b\",\npost(b)).route(\"/c\", any(none))";
    assert_eq!(routes_of(code), ["/a", "/b"]);
}

/// Paths given to `route` as they are or by a constant, but those where nothing is.
fn routes_of(code: &str) -> Vec<String> {
    let routes = code.split(".route(").skip(1).filter_map(|after| {
        let after = after.trim_start();
        let (path, handler) = match after.strip_prefix('"') {
            Some(literal) => literal.split_once('"')?,
            None => {
                let (name, rest) = after.split_once(',')?;
                let (_, value) = code.split_once(&format!("const {name}: &str = \""))?;
                (value.split('"').next()?, rest)
            }
        };
        let handler = handler.trim_start_matches(|sign: char| sign == ',' || sign.is_whitespace());
        (!handler.starts_with("any(")).then(|| path.to_owned())
    });
    routes.collect()
}
