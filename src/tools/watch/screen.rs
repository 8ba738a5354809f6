//! Shows the view: as a table redrawn in place on a terminal, else as a line per change.

use std::io::{self, Write};

use jiff::Timestamp;

use super::view::{Status, TerminalView};
use super::wire::RowData;

const NAME_CHARS_MAX: usize = 30;

pub(super) struct Screen<W> {
    out: W,
    /// Whether the table is redrawn (a terminal), or a line added (a file, a pipe).
    in_place: bool,
    /// Lines of the table that is on the terminal now.
    drawn: usize,
    /// The status that was written last.
    said: Option<Status>,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, in_place: bool) -> Screen<W> {
        Screen {
            out,
            in_place,
            drawn: 0,
            said: None,
        }
    }

    pub(super) fn show(&mut self, view: &mut TerminalView) -> io::Result<()> {
        if self.in_place {
            self.redraw(view)?;
        } else {
            self.add_lines(view)?;
        }
        self.out.flush()
    }

    /// Leaves the table; later output goes below it.
    pub(super) fn leave(&mut self) -> io::Result<()> {
        self.drawn = 0;
        self.out.flush()
    }

    fn redraw(&mut self, view: &TerminalView) -> io::Result<()> {
        let table = table(view);
        if self.drawn > 0 {
            // Go up to the table's first line, and clear from there.
            write!(self.out, "\x1b[{}A\x1b[J", self.drawn)?;
        }
        self.drawn = table.lines().count();
        // Without wrapping, so that each line of the table is one line of the terminal.
        write!(self.out, "\x1b[?7l{table}\x1b[?7h")
    }

    fn add_lines(&mut self, view: &mut TerminalView) -> io::Result<()> {
        let now = Timestamp::now().strftime("%H:%M:%S");
        if self.said.as_ref() != Some(view.status()) {
            self.said = Some(view.status().clone());
            writeln!(
                self.out,
                "{now}  {}  {}",
                label(view.status()),
                view.title()
            )?;
        }
        let revision = view.revision().unwrap_or_default();
        for row in view.take_changed() {
            let RowData {
                name,
                available,
                held,
                sold,
                ..
            } = row;
            writeln!(
                self.out,
                "{now}  r{revision}  {name}: {available} left, {held} held, {sold} sold"
            )?;
        }
        Ok(())
    }
}

fn table(view: &TerminalView) -> String {
    let mut table = format!("{}  {}\n", view.title(), coloured(view.status()));
    table.push_str(&format!(
        "  {:<NAME_CHARS_MAX$} {:>8} {:>8} {:>8} {:>8}\n",
        "ticket type", "left", "held", "sold", "of"
    ));
    for row in view.rows() {
        let name: String = row.name.chars().take(NAME_CHARS_MAX).collect();
        table.push_str(&format!(
            "  {name:<NAME_CHARS_MAX$} {}{:>8}\x1b[0m {:>8} {:>8} {:>8}\n",
            colour(&row.status),
            row.available,
            row.held,
            row.sold,
            row.capacity,
        ));
    }
    table
}

fn label(status: &Status) -> String {
    match status {
        Status::Connecting => "connecting".into(),
        Status::Live => "LIVE".into(),
        Status::Stale => "STALE".into(),
        Status::Offline(why) => format!("OFFLINE ({why})"),
    }
}

fn coloured(status: &Status) -> String {
    let colour = match status {
        Status::Live => "\x1b[32m",
        Status::Connecting | Status::Stale => "\x1b[33m",
        Status::Offline(_) => "\x1b[31m",
    };
    format!("{colour}{}\x1b[0m", label(status))
}

/// The colours of the pages' badges: green, yellow, orange, red.
fn colour(status: &str) -> &'static str {
    match status {
        "sold_out" => "\x1b[31m",
        "almost_sold_out" => "\x1b[38;5;208m",
        "limited" => "\x1b[33m",
        _ => "\x1b[32m",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::wire::{self, ServerFrame};
    use super::*;
    use crate::ticketing::EventId;

    fn live_view() -> TerminalView {
        let reply = r#"["1","1","event:7","phx_reply",{"status":"ok","response":{"revision":5,
            "resumed":false,"state":{"event":{"title":"Summer Nights","status":"active"},
            "ticket_types":[{"id":1,"name":"Stalls","capacity":10,"available":3,"held":1,
            "sold":6,"status":"limited"}]}}}]"#;
        let Some(ServerFrame::StateData(state)) = wire::read(reply) else {
            panic!("a state");
        };
        let mut view = TerminalView::new(EventId(7));
        view.replace_or_resume(state);
        view.set_status(Status::Live);
        view
    }

    fn shown(in_place: bool, times: usize) -> String {
        let mut screen = Screen::new(Vec::new(), in_place);
        let mut view = live_view();
        for _ in 0..times {
            screen.show(&mut view).unwrap();
        }
        String::from_utf8(screen.out).unwrap()
    }

    #[test]
    fn a_pipe_gets_a_line_per_change() {
        let lines = shown(false, 2);
        let lines: Vec<_> = lines.lines().map(|line| &line[10..]).collect();
        let expected = [
            "LIVE  Summer Nights · event 7 · revision 5",
            "r5  Stalls: 3 left, 1 held, 6 sold",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_terminal_gets_the_table_in_the_same_place() {
        let drawn = shown(true, 2);
        assert_eq!(drawn.matches("\x1b[3A\x1b[J").count(), 1, "{drawn}");
        assert!(drawn.contains("\x1b[32mLIVE\x1b[0m"));
        assert!(drawn.contains("\x1b[33m       3\x1b[0m        1        6       10"));
    }
}
