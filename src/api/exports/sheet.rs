//! Tables for spreadsheets: CSV (RFC 4180) in UTF-8 with a byte order mark, without which Excel guesses another encoding.
//! The last line is `# end, N rows`: a file without it was cut.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::ticketing::currency::in_units;

/// Text that a spreadsheet would run as a formula begins with one of these.
const FORMULA_SIGNS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Between cells, in one country or another, and between lines. Where a list is separated by semicolons, Excel takes no heed
/// of quotes that begin after the first sign of a cell.
const SEPARATORS: [char; 5] = [',', ';', '\t', '\r', '\n'];

/// The lines that are not sent yet.
pub(super) struct CsvSheet {
    text: String,
    rows: u64,
    /// The line has a cell.
    begun: bool,
    timezone: TimeZone,
    /// Decimals of the event's currency.
    decimals: usize,
}

impl CsvSheet {
    pub(super) fn new(columns: &[&str], timezone: TimeZone, decimals: usize) -> CsvSheet {
        let mut sheet = CsvSheet {
            text: "\u{feff}".to_owned(),
            rows: 0,
            begun: false,
            timezone,
            decimals,
        };
        for column in columns {
            sheet.cell(column);
        }
        sheet.end_line();
        sheet
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Text that people wrote. An apostrophe keeps a spreadsheet from running it, wherever one that separates otherwise
    /// would begin a cell in it.
    pub(super) fn cell(&mut self, text: &str) {
        self.separate();
        let quoted = text.contains(SEPARATORS) || text.contains('"');
        if quoted {
            self.text.push('"');
        }
        for part in text.split_inclusive(SEPARATORS) {
            let begins = part.trim_start_matches(['"', ' ']);
            if part.starts_with(FORMULA_SIGNS) || begins.starts_with(FORMULA_SIGNS) {
                self.text.push('\'');
            }
            self.text.push_str(&part.replace('"', "\"\""));
        }
        if quoted {
            self.text.push('"');
        }
    }

    pub(super) fn optional(&mut self, text: Option<&str>) {
        self.cell(text.unwrap_or_default());
    }

    pub(super) fn number(&mut self, number: impl Into<i64>) {
        self.separate();
        self.text.push_str(&number.into().to_string());
    }

    /// In the currency's major unit, as in `45.00`.
    pub(super) fn amount(&mut self, minor: i64) {
        self.separate();
        self.text.push_str(&in_units(minor, self.decimals));
    }

    /// In the event's time zone, to the second, as spreadsheets read it.
    pub(super) fn time(&mut self, at: Option<Timestamp>) {
        self.separate();
        if let Some(at) = at {
            let local = at.to_zoned(self.timezone.clone());
            let text = local.strftime("%Y-%m-%d %H:%M:%S").to_string();
            self.text.push_str(&text);
        }
    }

    pub(super) fn end_row(&mut self) {
        self.end_line();
        self.rows += 1;
    }

    /// The line that says that nothing is missing.
    pub(super) fn end(&mut self) {
        let line = format!("# end, {} rows\r\n", self.rows);
        self.text.push_str(&line);
    }

    fn end_line(&mut self) {
        self.text.push_str("\r\n");
        self.begun = false;
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            self.text.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(decimals: usize) -> CsvSheet {
        let mut sheet = CsvSheet::new(&["a"], TimeZone::UTC, decimals);
        sheet.take();
        sheet
    }

    #[test]
    fn nothing_that_people_wrote_is_run() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "\"'\tx\""),
            ("\rx", "\"'\rx\""),
            ("=\"a\",b", "\"'=\"\"a\"\",b\""),
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("สวัสดี", "สวัสดี"),
            ("x;=cmd|' /C calc'!A0;y", "\"x;'=cmd|' /C calc'!A0;y\""),
            ("x, \"=1\"", "\"x,' \"\"=1\"\"\""),
            ("x\r\n-1", "\"x\r\n'-1\""),
            ("Ada; Grace", "\"Ada; Grace\""),
        ] {
            let mut sheet = sheet(2);
            sheet.cell(text);
            assert_eq!(sheet.take(), cell, "{text:?}");
        }
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        for (decimals, minor, cell) in [
            (2, 4_500, "45.00"),
            (2, 5, "0.05"),
            (2, -5, "-0.05"),
            (0, 4_500, "4500"),
            (3, 4_500, "4.500"),
            (2, i64::MIN, "-92233720368547758.08"),
        ] {
            let mut sheet = sheet(decimals);
            sheet.amount(minor);
            assert_eq!(sheet.take(), cell);
        }
    }

    #[test]
    fn a_sheet_begins_with_its_mark_and_ends_with_its_count() {
        let mut sheet = CsvSheet::new(&["a", "b"], TimeZone::UTC, 2);
        for n in 0..2 {
            sheet.cell("");
            sheet.number(n);
            sheet.end_row();
        }
        sheet.end();
        assert_eq!(sheet.take(), "\u{feff}a,b\r\n,0\r\n,1\r\n# end, 2 rows\r\n");
    }
}
