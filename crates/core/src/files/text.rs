//! A file's text, and places in it that findings point at. Pure.

use std::ops::Range;
use std::rc::Rc;

/// One file, as it was read.
#[derive(Debug, Default)]
pub struct Text {
    /// As it is named to a person.
    pub path: String,
    pub text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Text {
    pub fn new(path: impl Into<String>, text: String) -> Rc<Text> {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Rc::new(Text { path: path.into(), text, lines })
    }

    /// From bytes; else line and column of the first that is no text.
    pub fn from_bytes(path: &str, bytes: Vec<u8>) -> Result<Rc<Text>, FileProblem> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Text::new(path, text)),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
                let (line, column) = Text::new(path, before).position(good);
                Err(FileProblem { path: path.to_owned(), line, column, reason: "this is no text (UTF-8)".to_owned() })
            }
        }
    }

    /// Line and column of a byte, counted from 1; columns are letters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let byte = byte.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines[line.saturating_sub(1)];
        let column =
            self.text.get(start..byte).map_or(0, |before| before.trim_start_matches('\u{feff}').chars().count());
        (line, column + 1)
    }

    /// The line with this number, without its end.
    pub fn line(&self, number: usize) -> &str {
        let Some(start) = number.checked_sub(1).and_then(|at| self.lines.get(at)) else { return "" };
        let end = self.lines.get(number).map_or(self.text.len(), |next| next - 1);
        self.text.get(*start..end).unwrap_or_default().trim_end_matches('\r')
    }

    /// Where the line of this byte begins.
    pub fn line_start(&self, byte: usize) -> usize {
        self.lines[self.lines.partition_point(|start| *start <= byte).saturating_sub(1)]
    }

    /// The byte of a line and column as a parser counts them: lines from 1, columns in letters from 0.
    pub fn byte(&self, line: usize, column: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let rest = &self.text[start..];
        rest.char_indices().nth(column).map_or(self.text.len(), |(at, _)| start + at)
    }
}

/// Why a file cannot be read, and where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    pub path: String,
    pub line: usize,
    pub column: usize,
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
    pub text: Rc<Text>,
    pub span: Range<usize>,
    /// What it belongs to, such as `service worker`.
    pub of: Option<String>,
    /// What the marked text means, where it does not say so itself.
    pub meaning: Option<String>,
    /// The place that brings it in, where that is another one.
    pub through: Option<Box<Place>>,
}

impl Place {
    pub fn new(text: &Rc<Text>, span: Range<usize>) -> Place {
        Place { text: text.clone(), span, of: None, meaning: None, through: None }
    }

    pub fn path(&self) -> &str {
        &self.text.path
    }

    pub fn start(&self) -> (usize, usize) {
        self.text.position(self.span.start)
    }

    pub fn end(&self) -> (usize, usize) {
        self.text.position(self.span.end)
    }

    /// `path:line:column`.
    pub fn name(&self) -> String {
        let (line, column) = self.start();
        format!("{}:{line}:{column}", self.path())
    }

    pub fn marked(&self) -> &str {
        self.text.text.get(self.span.clone()).unwrap_or_default()
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Place) -> bool {
        self.text.path == other.text.path && self.span == other.span && self.of == other.of
    }
}
