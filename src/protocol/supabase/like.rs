//! SQL's `like` and `ilike`.

/// `%` matches any text, `_` one character; a backslash makes the next character literal.
#[derive(Debug)]
pub(crate) struct LikePattern {
    text: String,
    pieces: Vec<Piece>,
    ignores_case: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    Char(char),
    AnyChar,
    AnyText,
}

/// The pattern ends in a backslash that has nothing to escape.
#[derive(Debug, PartialEq)]
pub(super) struct EndsInEscape;

impl LikePattern {
    pub(super) fn parse(pattern: &str, ignores_case: bool) -> Result<Self, EndsInEscape> {
        let mut pieces = Vec::new();
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            let piece = match char {
                '%' => Piece::AnyText,
                '_' => Piece::AnyChar,
                '\\' => Piece::Char(chars.next().ok_or(EndsInEscape)?),
                char => Piece::Char(char),
            };
            if piece != Piece::AnyText || pieces.last() != Some(&Piece::AnyText) {
                pieces.push(piece);
            }
        }
        Ok(LikePattern {
            text: pattern.to_owned(),
            pieces,
            ignores_case,
        })
    }

    /// The pieces that may be compared at every place of a text: those behind the first `%`. Without any, a text is
    /// gone through once.
    pub(super) fn costly_pieces(&self) -> usize {
        let first = self
            .pieces
            .iter()
            .position(|&piece| piece == Piece::AnyText);
        first.map_or(0, |first| self.pieces.len() - first - 1)
    }

    /// The pattern as it was read.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    /// Takes at most [`LikePattern::costly_pieces`] × text length steps, beside one for each character.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut piece) = (0, 0);
        // The position of the last `%`, and the end of the text that it matches so far.
        let mut any: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.pieces.get(piece) {
                Some(Piece::AnyText) => {
                    any = Some((piece, at));
                    piece += 1;
                }
                Some(&one) if self.fits(one, text[at]) => {
                    at += 1;
                    piece += 1;
                }
                _ => match &mut any {
                    Some((any_piece, until)) => {
                        *until += 1;
                        at = *until;
                        piece = *any_piece + 1;
                    }
                    None => return false,
                },
            }
        }
        matches!(self.pieces[piece..], [] | [Piece::AnyText])
    }

    fn fits(&self, piece: Piece, char: char) -> bool {
        match piece {
            Piece::Char(wanted) if self.ignores_case => {
                wanted.to_lowercase().eq(char.to_lowercase())
            }
            Piece::Char(wanted) => wanted == char,
            Piece::AnyChar => true,
            Piece::AnyText => false,
        }
    }
}
