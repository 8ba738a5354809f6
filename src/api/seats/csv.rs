//! Tables as RFC 4180 has them: cells between commas; a cell in double quotes may hold commas, line ends and, doubled,
//! quotes. Lines may end in LF or CRLF, and empty ones are skipped.

/// A quote that is opened on `line` and never closed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quote is not closed")]
pub(super) struct Unclosed {
    pub(super) line: usize,
}

/// The lines as cells, each with its number in the text, from 1.
pub(super) fn lines(text: &str) -> Result<Vec<(usize, Vec<String>)>, Unclosed> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
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
            (',', None) => line.push(std::mem::take(&mut cell)),
            ('\r', None) if signs.peek() == Some(&'\n') => {}
            ('\n', None) => {
                end(&mut lines, began, &mut line, &mut cell);
                began = number;
            }
            (sign, None) => cell.push(sign),
        }
    }
    if let Some(line) = quoted_since {
        return Err(Unclosed { line });
    }
    end(&mut lines, began, &mut line, &mut cell);
    Ok(lines)
}

fn end(
    lines: &mut Vec<(usize, Vec<String>)>,
    number: usize,
    line: &mut Vec<String>,
    cell: &mut String,
) {
    line.push(std::mem::take(cell));
    let line = std::mem::take(line);
    if line.iter().any(|cell| !cell.trim().is_empty()) {
        lines.push((number, line));
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
            lines(text).unwrap(),
            [
                (1, cells(&["a", "b"])),
                (2, cells(&["x, \"y\"", ""])),
                (5, cells(&["two\nlines", "ก"])),
                (7, cells(&["last"])),
            ]
        );
        assert_eq!(lines("").unwrap(), []);
        assert_eq!(lines("a\n\"b").unwrap_err(), Unclosed { line: 2 });
    }
}
