//! A file's text, and places in it that findings point at. Pure.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use super::allowance::Allowances;
use crate::text::part;

/// So many bytes are counted at most to know how many letters stand before a place.
const STEP: usize = 64;

/// One file, as it was read.
#[derive(Debug, Default)]
pub struct Text {
    /// As it is named to a person.
    pub path: String,
    /// The text, with its line breaks.
    pub text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    /// How many letters begin before each [`STEP`] bytes; empty where each byte is a letter. A line may be as long as its file.
    letters: Vec<usize>,
    /// What its comments allow, read at the first look.
    allowances: OnceCell<Allowances>,
    /// Where it stands, if it is a part of another file: every place in it is one in that file.
    inside: Option<Inside>,
}

/// Where a text that another file carries stands in that file.
#[derive(Debug)]
struct Inside {
    file: Rc<Text>,
    /// What stands for the whole of it.
    whole: Range<usize>,
    /// The byte of the file at which each line's own text begins, and how many bytes of indentation the line itself has;
    /// empty where the lines do not stand there one for one.
    lines: Vec<(usize, usize)>,
}

impl Text {
    /// The text of a file at this path.
    pub fn new(path: impl Into<String>, text: String) -> Rc<Text> {
        Rc::new(Text::indexed(path.into(), text, None))
    }

    fn indexed(path: String, text: String, inside: Option<Inside>) -> Text {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut letters = Vec::new();
        if !text.is_ascii() {
            let mut before = 0;
            for bytes in text.as_bytes().chunks(STEP) {
                letters.push(before);
                before += begun(bytes);
            }
            letters.push(before);
        }
        Text { path, text, lines, letters, allowances: OnceCell::new(), inside }
    }

    /// How many letters begin before this byte.
    fn letters_before(&self, byte: usize) -> usize {
        match self.letters.get(byte / STEP) {
            None => byte,
            Some(before) => {
                let step = self.text.as_bytes().chunks(STEP).nth(byte / STEP).unwrap_or_default();
                before + step.iter().take(byte % STEP).filter(|byte| is_start(**byte)).count()
            }
        }
    }

    /// A text that a file carries, such as `dockerfile_inline` of a compose file: `near` is what names it there; it begins in that
    /// line or in one of the next two.
    pub fn carried(file: &Rc<Text>, near: Range<usize>, text: &str) -> Rc<Text> {
        let wanted: Vec<&str> = text.lines().collect();
        let key_line = file.position(near.start).0;
        // Compose writes a dollar twice; what else it fills in is not undone.
        let same = |number: usize, wanted: &str| {
            let (line, wanted) = (file.line(number).trim(), wanted.trim());
            // A line of a file of one line is not looked through for each text that it carries.
            let may_be = line.len() <= 2 * wanted.len() && line.contains("$$");
            line == wanted || may_be && line.replace("$$", "$") == wanted
        };
        let begins = |first: usize| wanted.iter().zip(first..).all(|(wanted, number)| same(number, wanted));
        let is_blank = wanted.iter().all(|line| line.trim().is_empty());
        let found = if is_blank { None } else { (key_line..key_line + 3).find(|first| begins(*first)) };
        let lines = found.map_or_else(Vec::new, |first| {
            let indent = |line: &str| line.len() - line.trim_start().len();
            let starts = wanted.iter().zip(first..).map(|(wanted, number)| {
                let start = file.lines.get(number - 1).copied().unwrap_or(file.text.len());
                (start + indent(file.line(number)), indent(wanted))
            });
            starts.collect()
        });
        let whole = near.start..near.end.min(file.line_end(near.start)).max(near.start);
        let inside = Some(Inside { file: file.clone(), whole, lines });
        Rc::new(Text::indexed(file.path.clone(), text.to_owned(), inside))
    }

    /// Whether it is a part of another file, and not one of its own.
    pub fn is_carried(&self) -> bool {
        self.inside.is_some()
    }

    /// From bytes; else line and column of the first that is no text.
    pub fn from_bytes(path: &str, bytes: Vec<u8>) -> Result<Rc<Text>, FileProblem> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Text::new(path, text)),
            Err(error) => {
                let before = error.as_bytes().utf8_chunks().next().map_or("", |chunk| chunk.valid());
                let (line, column) = Text::new(path, before.to_owned()).position(before.len());
                Err(FileProblem { path: path.to_owned(), line, column, reason: "this is not UTF-8 text".to_owned() })
            }
        }
    }

    /// Line and column of a byte, counted from 1; columns are letters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let byte = byte.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.line_start(byte);
        if !self.text.is_char_boundary(byte) {
            return (line, 1);
        }
        // A byte order mark is no letter of its line.
        let mark = usize::from(byte > start && part(&self.text, start..).starts_with('\u{feff}'));
        (line, self.letters_before(byte) - self.letters_before(start) - mark + 1)
    }

    /// What its comments allow.
    pub fn allowances(&self) -> &Allowances {
        self.allowances.get_or_init(|| Allowances::read((1..=self.lines.len()).map(|number| self.line(number))))
    }

    /// The line with this number, without its end.
    pub fn line(&self, number: usize) -> &str {
        let Some(start) = number.checked_sub(1).and_then(|at| self.lines.get(at)) else { return "" };
        let end = self.lines.get(number).map_or(self.text.len(), |next| next - 1);
        self.text.get(*start..end).unwrap_or_default().trim_end_matches('\r')
    }

    /// How many lines there are; the empty one behind the last line feed is one.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// Where the line of this byte begins.
    pub fn line_start(&self, byte: usize) -> usize {
        let line = self.lines.partition_point(|start| *start <= byte).saturating_sub(1);
        self.lines.get(line).copied().unwrap_or(0)
    }

    /// The byte of a line and column as a parser counts them: lines from 1, columns in letters from 0.
    pub fn byte(&self, line: usize, column: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let wanted = self.letters_before(start) + column;
        let step = self.letters.partition_point(|before| *before <= wanted).saturating_sub(1);
        let Some(before) = self.letters.get(step) else { return wanted.min(self.text.len()) };
        // Steps end within letters: the count goes on from the last letter that begins before one.
        let mut left = wanted - before;
        for (at, byte) in self.text.as_bytes().iter().enumerate().skip(step * STEP) {
            if is_start(*byte) {
                if left == 0 {
                    return at;
                }
                left -= 1;
            }
        }
        self.text.len()
    }

    /// Where the line of this byte ends, without its line feed.
    pub fn line_end(&self, byte: usize) -> usize {
        let next = self.lines.partition_point(|start| *start <= byte);
        self.lines.get(next).map_or(self.text.len(), |next| next - 1)
    }
}

/// Whether a letter begins with this byte of UTF-8.
fn is_start(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// How many letters begin in these bytes.
fn begun(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| is_start(**byte)).count()
}

impl Inside {
    fn place(&self, text: &Text, span: &Range<usize>) -> Range<usize> {
        let byte = |at: usize| {
            let line = text.lines.partition_point(|start| *start <= at).saturating_sub(1);
            let (start, indent) = self.lines.get(line)?;
            let offset = at.saturating_sub(*text.lines.get(line)?).saturating_sub(*indent);
            Some((start + offset).min(self.file.text.len()))
        };
        match (byte(span.start.min(text.text.len())), byte(span.end.min(text.text.len()))) {
            (Some(start), Some(end)) if self.file.text.get(start..end).is_some() => start..end,
            _ => self.whole.clone(),
        }
    }
}

/// Why a file cannot be read, and where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// The file's path.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
    /// Why the file cannot be used, for a person.
    pub reason: String,
}

impl std::fmt::Display for FileProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}: {}", self.path, self.line, self.column, self.reason)
    }
}

/// A place in a file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub text: Rc<Text>,
    /// The bytes that are meant.
    pub span: Range<usize>,
    /// What it belongs to, such as `service worker`.
    pub of: Option<String>,
    /// What the marked text means, where it does not say so itself.
    pub meaning: Option<String>,
    /// The place that brings it in, where that is another one.
    pub through: Option<Box<Place>>,
}

impl Place {
    /// A place in a text; where another file carries the text, the same place in that file.
    pub fn new(text: &Rc<Text>, span: Range<usize>) -> Place {
        let (text, span) = match &text.inside {
            Some(inside) => (inside.file.clone(), inside.place(text, &span)),
            None => (text.clone(), span),
        };
        Place { text, span, of: None, meaning: None, through: None }
    }

    /// The file's path.
    pub fn path(&self) -> &str {
        &self.text.path
    }

    /// Line and column of the first character, counted from 1.
    pub fn start(&self) -> (usize, usize) {
        self.text.position(self.span.start)
    }

    /// Line and column after the last character, counted from 1.
    pub fn end(&self) -> (usize, usize) {
        self.text.position(self.span.end)
    }

    /// `path:line:column`.
    pub fn name(&self) -> String {
        let (line, column) = self.start();
        format!("{}:{line}:{column}", self.path())
    }

    /// Whether the lines of comment above it allow a rule there.
    pub fn is_allowed(&self, id: &str) -> bool {
        self.text.allowances().allow(id, self.start().0)
    }

    /// The text that is meant.
    pub fn marked(&self) -> &str {
        self.text.text.get(self.span.clone()).unwrap_or_default()
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Place) -> bool {
        self.text.path == other.text.path && self.span == other.span && self.of == other.of
    }
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a test fails by a panic")]
mod tests {
    use super::*;

    #[test]
    fn positions_are_what_counting_says() {
        for text in ["", "abc\nd", "\u{feff}ab\nc", "é", &"ü".repeat(500), &"aé€𝄞\n".repeat(300), &"x€".repeat(1000)]
        {
            let indexed = Text::new("f", text.to_owned());
            for byte in (0..=text.len()).filter(|byte| text.is_char_boundary(*byte)) {
                let start = text[..byte].rfind('\n').map_or(0, |at| at + 1);
                let column = text[start..byte].trim_start_matches('\u{feff}').chars().count();
                let line = text[..byte].matches('\n').count() + 1;
                assert_eq!(indexed.position(byte), (line, column + 1), "{text:?} {byte}");
                let letters = text[start..byte].chars().count();
                assert_eq!(indexed.byte(line, letters), byte, "{text:?} {byte}");
            }
            assert_eq!(indexed.byte(1, 100_000), text.len());
        }
    }

    #[test]
    fn a_place_in_a_carried_text_is_one_in_its_file() {
        let file = Text::new(
            "compose.yaml",
            "services:\n  a:\n    build:\n      dockerfile_inline: |\n        FROM x\n        RUN a \\\n          b $$X\n  b: {}\n".to_owned(),
        );
        let near = file.text.find('|').unwrap()..file.text.find("  b: {}").unwrap();
        let carried = Text::carried(&file, near.clone(), "FROM x\nRUN a \\\n  b $X\n");
        let at = |wanted: &str| {
            let start = carried.text.find(wanted).unwrap();
            let place = Place::new(&carried, start..start + wanted.len());
            (place.path().to_owned(), place.start(), place.marked().to_owned())
        };
        assert_eq!(at("FROM"), ("compose.yaml".to_owned(), (5, 9), "FROM".to_owned()));
        assert_eq!(at("b"), ("compose.yaml".to_owned(), (7, 11), "b".to_owned()));
        assert!(carried.is_carried() && !file.is_carried());
        // What compose made of it stands nowhere: the key's line is pointed at.
        let other = Text::carried(&file, near, "FROM y\n");
        assert_eq!(Place::new(&other, 0..4).start().0, 4);
        // No text is too short, and none too long.
        for text in ["", "\n", "FROM x", "FROM x\nRUN a \\\n  b $X\n\n\n\n"] {
            let carried = Text::carried(&file, 0..file.text.len(), text);
            let _ = Place::new(&carried, 0..text.len()).marked();
        }
    }
}
