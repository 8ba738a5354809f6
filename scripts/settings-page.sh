#!/bin/sh
# Writes the table of docs/configuration.md, as the command line has it. The test
# `docs::the_table_of_settings_is_the_command_lines_own` fails while they differ, and prints it.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

page=docs/configuration.md
table=$(cargo test --quiet --locked --test it -- docs::the_table 2>&1 | sed -n '/^| flag /,/^$/p' | sed '/^$/d')
[ -n "$table" ] || exit 0
printf '%s\n' "$table" > "$cargo_target/settings.md"
sed -i -e "/^<!-- configuration:/r $cargo_target/settings.md" -e '/^| flag /,/^<!-- end of configuration/{/^| /d;/^|--/d}' "$page"
