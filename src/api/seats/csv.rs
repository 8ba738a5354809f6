//! Tables as RFC 4180 has them: cells between commas; a cell in double quotes may hold commas, line ends and, doubled,
//! quotes. Lines may end in LF or CRLF, and empty ones are skipped.

/// A quote that is opened on `line` and never closed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quote is not closed")]
pub(super) struct Unclosed {
    pub(super) line: usize,
}

/// The lines as cells, each with its number in the text, from 1. Of a line that has more, so many cells are kept: commas alone
/// would take a hundred times their bytes. What comes after `lines_max` lines is not read.
pub(super) fn lines(
    text: &str,
    cells_max: usize,
    lines_max: usize,
) -> Result<Vec<(usize, Vec<String>)>, Unclosed> {
    let mut lines = Vec::new();
    let mut line = Line {
        cells: Vec::new(),
        cells_max,
    };
    let mut cell = String::new();
    let mut quoted_since = None;
    let (mut number, mut began) = (1, 1);
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        number += usize::from(sign == '\n');
        match (sign, quoted_since) {
            ('"', Some(_)) if signs.next_if_eq(&'"').is_some() => cell.push('"'),
            ('"', Some(_)) => quoted_since = None,
            (sign, Some(_)) => cell.push(sign),
            ('"', None) if cell.is_empty() => quoted_since = Some(number),
            (',', None) => line.add(std::mem::take(&mut cell)),
            ('\r', None) if signs.peek() == Some(&'\n') => {}
            ('\n', None) => {
                line.add(std::mem::take(&mut cell));
                line.end(&mut lines, began);
                if lines.len() >= lines_max {
                    return Ok(lines);
                }
                began = number;
            }
            (sign, None) => cell.push(sign),
        }
    }
    if let Some(line) = quoted_since {
        return Err(Unclosed { line });
    }
    line.add(cell);
    line.end(&mut lines, began);
    Ok(lines)
}

/// The line that is being read.
struct Line {
    cells: Vec<String>,
    cells_max: usize,
}

impl Line {
    /// A cell beyond the last takes its place, if it says something: a line is not empty because of where it does.
    fn add(&mut self, cell: String) {
        if self.cells.len() < self.cells_max {
            self.cells.push(cell);
        } else if !cell.trim().is_empty()
            && let Some(last) = self.cells.last_mut()
        {
            *last = cell;
        }
    }

    fn end(&mut self, lines: &mut Vec<(usize, Vec<String>)>, number: usize) {
        let cells = std::mem::take(&mut self.cells);
        if cells.iter().any(|cell| !cell.trim().is_empty()) {
            lines.push((number, cells));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn core_17_cells_may_hold_whatever_a_spreadsheet_writes() {
        let text = "a,b\r\n\"x, \"\"y\"\"\",\r\n\r\n,,\n\"two\nlines\",ก\nlast";
        let cells = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        assert_eq!(
            lines(text, 3, 9).unwrap(),
            [
                (1, cells(&["a", "b"])),
                (2, cells(&["x, \"y\"", ""])),
                (5, cells(&["two\nlines", "ก"])),
                (7, cells(&["last"])),
            ]
        );
        assert_eq!(lines("", 3, 9).unwrap(), []);
        assert_eq!(lines("a\n\"b", 3, 9).unwrap_err(), Unclosed { line: 2 });
    }

    #[test]
    fn no_more_is_kept_than_there_may_be() {
        let line = |number: usize, cells: [&str; 2]| (number, cells.map(str::to_owned).to_vec());
        let text = "a,b,c,,\n,,,,x\n,,,\nd,e\n\"";
        let read = lines(text, 2, 3).unwrap();
        assert_eq!(
            read,
            [line(1, ["a", "c"]), line(2, ["", "x"]), line(4, ["d", "e"])]
        );
    }
}
