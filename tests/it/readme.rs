//! The README says what is: its table of settings is the command line's own, and its links lead
//! somewhere.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use clap::{Arg, CommandFactory};
use seatcast::cli::Cli;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const BEGIN: &str = "<!-- configuration: checked by tests/it/readme.rs -->\n";
const END: &str = "<!-- end of configuration -->";

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).expect("a README")
}

/// The settings of `seatcast serve`, in the order of its help.
fn table() -> String {
    let mut cli = Cli::command();
    cli.build();
    let serve = cli.find_subcommand("serve").expect("a command");
    let mut table = "| flag | environment | default | meaning |\n|---|---|---|---|\n".to_owned();
    for argument in serve
        .get_arguments()
        .filter(|argument| argument.get_id() != "help")
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
    let readme = readme();
    let (_, rest) = readme.split_once(BEGIN).expect("the table's beginning");
    let (written, _) = rest.split_once(END).expect("the table's end");
    let table = table();
    assert!(
        written.trim() == table.trim(),
        "README.md's table of settings should be as follows (scripts/readme-settings.sh writes it):\n\n{table}"
    );
}

#[test]
fn links_lead_to_files() {
    let readme = readme();
    let targets = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
        assert!(
            Path::new(ROOT).join(target).exists(),
            "README.md leads to {target}, which is not there"
        );
    }
}
