//! README, ARCHITECTURE and docs say what is: links lead somewhere, commands parse, settings, routes, codes,
//! metrics and file names exist.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Arg, Command, CommandFactory, Parser};
use seatcast::cli::Cli;
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const BEGIN: &str = "<!-- configuration: checked by tests/it/docs.rs -->\n";
const END: &str = "<!-- end of configuration -->";

/// Settings of tests and of other programs, which the command line does not know.
const SETTINGS_OF_OTHERS: &[&str] = &[
    "SEATCAST_SEED",
    "SEATCAST_SEEDS",
    "SEATCAST_MODEL_GUARDS",
    "SEATCAST_BIN",
];

/// A page of documentation.
struct DocsPage {
    /// From the root of the project, as in `docs/wire.md`.
    name: String,
    text: String,
}

fn read(name: &str) -> String {
    let path = Path::new(ROOT).join(name);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn pages() -> Vec<DocsPage> {
    let listed = fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    let docs = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = docs
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    assert!(names.len() >= 5, "the scan finds the pages");
    names.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CHANGELOG.md",
            "SECURITY.md",
            "sql/README.md",
            "web/README.md",
        ]
        .map(str::to_owned),
    );
    names
        .into_iter()
        .map(|name| DocsPage {
            text: read(&name),
            name,
        })
        .collect()
}

/// The lines of code blocks in this language; a line that ends in a backslash goes on in the next.
fn code_lines(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = text
        .split(fence.as_str())
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(|block| {
            let joined = block.replace("\\\n", " ");
            joined.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// The text between single backticks in running text.
fn code_spans(text: &str) -> Vec<String> {
    let outside: String = text.split("```").step_by(2).collect();
    let spans = outside.split('`').skip(1).step_by(2);
    spans.map(|span| span.replace('\n', " ")).collect()
}

/// Every word of letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

#[track_caller]
fn none_of(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}, yet\n  {}", faults.join("\n  "));
}

/// All arguments of the command line, of every command.
fn arguments() -> Vec<Arg> {
    fn collect(command: &Command, into: &mut Vec<Arg>) {
        into.extend(command.get_arguments().cloned());
        for sub in command.get_subcommands() {
            collect(sub, into);
        }
    }
    let mut cli = Cli::command();
    cli.build();
    let mut all = Vec::new();
    collect(&cli, &mut all);
    all
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    for page in pages() {
        let folder = Path::new(ROOT).join(&page.name);
        let folder = folder.parent().unwrap();
        let targets = page
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => Path::new(ROOT).join(&page.name),
                file => folder.join(file),
            };
            let there = path.exists() && (heading.is_empty() || has_heading(&path, heading));
            if !there {
                faults.push(format!("{} leads to {target}", page.name));
            }
        }
    }
    none_of("links lead somewhere", &faults);
}

/// Functions that roles may call, as the grants say, and as `sql/README.md` says to those who would.
#[test]
fn functions_to_call_are_those_that_roles_may_call() {
    let roles = read("sql/roles.sql");
    let grants = roles.split("grant execute on function ").skip(1);
    let granted: BTreeSet<&str> = grants
        .filter_map(|rest| rest.split(" to %I").next())
        .flat_map(words)
        .filter(|word| !word.is_empty())
        .collect();
    assert!(granted.len() > 20, "the scan finds the grants");
    let page = read("sql/README.md");
    let section = page.split("## Functions to call").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let spans = code_spans(section);
    let named: BTreeSet<&str> = spans
        .iter()
        .filter_map(|span| span.split('(').next())
        .collect();
    let differ = granted.symmetric_difference(&named);
    let differ: Vec<String> = differ.map(|name| (*name).to_owned()).collect();
    none_of("roles may call what is said to be for them", &differ);
}

/// Whether the page has a heading that is linked to in this way.
fn has_heading(page: &Path, anchor: &str) -> bool {
    let text = fs::read_to_string(page).unwrap_or_default();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| {
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .any(|heading| heading == anchor)
}

#[test]
fn every_command_line_parses() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for page in pages() {
        let mut lines = code_lines(&page.text, "sh");
        lines.extend(code_spans(&page.text));
        for line in lines {
            // A comment, and what sets the environment for a command.
            let line = line.split(" #").next().unwrap_or_default().trim();
            let mut words = line
                .split_whitespace()
                .skip_while(|word| word.contains('=') && !word.starts_with('-'))
                .peekable();
            let Some(first) = words.peek().copied() else {
                continue;
            };
            let fault = match first {
                "make" => words
                    .skip(1)
                    .find(|target| !target.contains('=') && !has_target(target))
                    .map(|target| format!("no target {target}")),
                script if script.starts_with("scripts/") => {
                    (!Path::new(ROOT).join(script).exists()).then(|| "no such script".to_owned())
                }
                "cargo" => cargo_fault(&words.collect::<Vec<_>>()),
                // Alone it names the program, or its schema.
                program if is_seatcast(program) && line != program => parse_fault(words.skip(1)),
                _ => continue,
            };
            seen += 1;
            faults.extend(fault.map(|fault| format!("{}: `{line}`: {fault}", page.name)));
        }
    }
    assert!(seen > 20, "the scan finds the commands, not {seen}");
    none_of("every command line shown can be run", &faults);
}

fn is_seatcast(program: &str) -> bool {
    program == "seatcast" || (program.starts_with("target/") && program.ends_with("/seatcast"))
}

fn has_target(target: &str) -> bool {
    read("Makefile")
        .lines()
        .any(|line| line.starts_with(&format!("{target}:")))
}

/// The fault in the arguments of `seatcast`, if there is any.
fn parse_fault<'a>(arguments: impl Iterator<Item = &'a str>) -> Option<String> {
    let arguments: Vec<&str> = arguments.collect();
    // `seatcast serve | migrate` lists names, and `seatcast audit …` leaves something out.
    if arguments.contains(&"|") || arguments.contains(&"…") {
        return None;
    }
    match Cli::try_parse_from(["seatcast"].iter().chain(&arguments)) {
        Ok(_) => None,
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
            // `seatcast token` alone names the command.
            ErrorKind::MissingRequiredArgument
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                if arguments.len() == 1 =>
            {
                None
            }
            _ => Some(error.to_string()),
        },
    }
}

/// The fault in a call of cargo that runs the program, or a part of the tests.
fn cargo_fault(words: &[&str]) -> Option<String> {
    let after = words.iter().position(|word| *word == "--");
    let rest = after.map_or(&[][..], |at| &words[at + 1..]);
    if words.get(1) == Some(&"run") {
        return parse_fault(rest.iter().copied());
    }
    let filter = rest.first().filter(|word| !word.starts_with('-'))?;
    let module = filter.split("::").next().unwrap_or(filter);
    let folder = match words.contains(&"it") {
        true => "tests/it",
        false => "src",
    };
    let file = Path::new(ROOT).join(folder).join(module);
    let there = file.is_dir() || file.with_extension("rs").exists();
    (!there).then(|| format!("no module {module} in {folder}"))
}

#[test]
fn every_setting_named_exists() {
    let arguments = arguments();
    let flags: BTreeSet<&str> = arguments.iter().filter_map(Arg::get_long).collect();
    let variables: BTreeSet<String> = arguments
        .iter()
        .filter_map(|argument| Some(argument.get_env()?.to_string_lossy().into_owned()))
        .collect();
    let properties = ["core-tokens", "tokens"]
        .map(|name| read(&format!("web/src/elements/internal/{name}.ts")))
        .concat();
    let mut files = pages();
    for name in ["docker-compose.yml", "Dockerfile", "Makefile"] {
        let text = read(name);
        files.push(DocsPage {
            name: name.to_owned(),
            text,
        });
    }
    let mut faults = Vec::new();
    for page in files {
        let named = words(&page.text).filter(|word| word.starts_with("SEATCAST_"));
        let unknown =
            named.filter(|name| !variables.contains(*name) && !SETTINGS_OF_OTHERS.contains(name));
        faults.extend(unknown.map(|name| format!("{} names {name}", page.name)));
        for span in code_spans(&page.text) {
            // A flag that stands for itself is ours; one behind a program's name is checked with it.
            let Some(flag) = span.strip_prefix("--") else {
                continue;
            };
            // `--seatcast-accent` is a CSS property of the elements, `--seatcast-…` all of them.
            if flag.starts_with("seatcast-") {
                if !properties.contains(span.trim_end_matches('…')) {
                    faults.push(format!("{} names {span}", page.name));
                }
                continue;
            }
            let flag = flag.split([' ', '=']).next().unwrap_or(flag);
            if !flags.contains(flag) && !FLAGS_OF_OTHERS.contains(&flag) {
                faults.push(format!("{} names --{flag}", page.name));
            }
        }
    }
    none_of("every setting named exists", &faults);
}

/// Flags of clap, cargo and the web's benches that pages name alone.
const FLAGS_OF_OTHERS: &[&str] = &[
    "help",
    "release",
    "no-default-features",
    "nocapture",
    "dist",
];

#[test]
fn routes_and_pages_about_them_are_the_same() {
    let document = serde_json::to_value(seatcast::run::document()).unwrap();
    let served: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let path = path.trim_start_matches("/api/v1");
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let methods = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "];
    let is_route = |span: &&String| methods.iter().any(|method| span.starts_with(method));
    let is_ours = |route: &String| !route.contains("/realtime/") && route != "GET /metrics";

    let rest = code_spans(&read("docs/rest.md"));
    let told: BTreeSet<String> = rest
        .iter()
        .filter(is_route)
        .filter(|route| is_ours(route))
        .cloned()
        .collect();
    assert_eq!(told, served, "docs/rest.md, and what is served");

    let mut faults = Vec::new();
    for page in pages() {
        for span in code_spans(&page.text).iter().filter(is_route) {
            let route = span.split('?').next().unwrap().replace("/api/v1", "");
            let named = |path: &str| parameters_apart(path) == parameters_apart(&route);
            if is_ours(&route) && !served.iter().any(|path| named(path)) {
                faults.push(format!("{} names {span}", page.name));
            }
        }
    }
    none_of("every route named is served", &faults);
}

/// A path with all parameters under one name.
fn parameters_apart(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.starts_with('{') {
        true => "{}",
        false => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn codes_of_the_wire_are_all_explained() {
    let codes: Value = serde_json::from_str(&read("tests/wire/codes.json")).unwrap();
    let page = read("docs/wire.md");
    let row = |code: &Value, name: &str| {
        let (retry, advice) = (&code["retry"], &code["advice"]);
        format!(
            "{name} | {} | {} |\n",
            retry.as_str().unwrap(),
            advice.as_str().unwrap()
        )
    };
    for code in codes["error"].as_array().unwrap() {
        let row = row(code, &format!("| `{}`", code["code"].as_str().unwrap()));
        assert!(page.contains(&row), "docs/wire.md lacks {row}");
    }
    for code in codes["close"].as_array().unwrap() {
        let row = row(
            code,
            &format!("| {} | `{}`", code["code"], code["name"].as_str().unwrap()),
        );
        assert!(page.contains(&row), "docs/wire.md lacks {row}");
    }
}

#[test]
fn metrics_named_are_exported() {
    let exported = read("src/metrics.rs");
    let exported: BTreeSet<&str> = words(&exported).collect();
    let mut faults = Vec::new();
    for page in pages() {
        let is_metric = |span: &String| {
            let ours = span.strip_prefix("seatcast_");
            ours.is_some_and(|name| name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'))
        };
        let named = code_spans(&page.text).into_iter().filter(is_metric);
        let unknown = named.filter(|name| !exported.contains(name.as_str()));
        faults.extend(unknown.map(|name| format!("{} names {name}", page.name)));
    }
    none_of("metrics named are exported", &faults);
}

#[test]
fn elements_named_exist() {
    let mut faults = Vec::new();
    let elements = Path::new(ROOT).join("web/src/elements");
    for page in pages() {
        let tags = page.text.split("<seatcast-").skip(1);
        let tags = tags.map(|rest| rest.split([' ', '>', '/']).next().unwrap_or_default());
        let missing = tags.filter(|tag| !elements.join(format!("seatcast-{tag}")).is_dir());
        faults.extend(missing.map(|tag| format!("{} has <seatcast-{tag}>", page.name)));
    }
    none_of("elements named exist", &faults);
    let page = read("docs/embed.md");
    for entry in fs::read_dir(elements).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let row = format!("| `{name}` |");
        let told = !name.starts_with("seatcast-") || page.contains(&row);
        assert!(told, "docs/embed.md lacks {name}");
    }
}

#[test]
fn files_named_exist() {
    let mut faults = Vec::new();
    for page in pages() {
        let named = code_spans(&page.text)
            .into_iter()
            .filter(|span| is_file(span));
        let missing = named.filter(|name| !is_in_the_tree(&page.name, name));
        faults.extend(missing.map(|name| format!("{} names {name}", page.name)));
    }
    none_of("files named exist", &faults);
}

/// Whether a span names one file or folder of the project.
fn is_file(span: &str) -> bool {
    let endings = [".rs", ".sql", ".ts", ".sh", ".json", ".md", ".yml", ".toml"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let inside = span.contains('/') && !span.starts_with('/');
    inside
        && span.chars().all(plain)
        && (span.ends_with('/') || endings.iter().any(|ending| span.ends_with(ending)))
}

/// Paths start at the root, in `src/`, or where the page lies.
fn is_in_the_tree(page: &str, name: &str) -> bool {
    let root = Path::new(ROOT);
    let beside = root.join(page);
    let beside = beside.parent().unwrap_or(root);
    let places: [PathBuf; 3] = [
        root.join(name),
        root.join("src").join(name),
        beside.join(name),
    ];
    places.iter().any(|place| place.exists())
}

/// The settings of `seatcast serve`, in the order of its help.
fn table() -> String {
    let mut cli = Cli::command();
    cli.build();
    let serve = cli.find_subcommand("serve").expect("a command");
    let mut table = "| flag | environment | default | meaning |\n|---|---|---|---|\n".to_owned();
    for argument in serve
        .get_arguments()
        .filter(|argument| argument.get_id() != "help" && !argument.is_hide_set())
    {
        let flag = argument.get_long().expect("a long flag");
        let environment = argument
            .get_env()
            .map(|name| format!("`{}`", name.to_string_lossy()));
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default()
            .replace('\n', " ");
        let (environment, default) = (environment.unwrap_or_default(), default_of(argument));
        writeln!(table, "| `--{flag}` | {environment} | {default} | {help} |").expect("a string");
    }
    table
}

fn default_of(argument: &Arg) -> String {
    let values = argument.get_default_values().iter();
    let values: Vec<_> = values
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    values.join(" ")
}

#[test]
fn the_table_of_settings_is_the_command_lines_own() {
    let page = read("docs/configuration.md");
    let (_, rest) = page.split_once(BEGIN).expect("the table's beginning");
    let (written, _) = rest.split_once(END).expect("the table's end");
    let table = table();
    assert!(
        written.trim() == table.trim(),
        "the table of docs/configuration.md should be as follows (scripts/settings-page.sh writes it):\n\n{table}"
    );
}
