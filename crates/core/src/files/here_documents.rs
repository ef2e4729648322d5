//! Parser directives of a Dockerfile (`# syntax`, `# escape`), and its here-documents, which are removed before lexing. Pure.

use super::buildkit::statement::Statement;
use super::instruction::{Span, Word};
use crate::text::part;

/// The parser directives that count here: comments of the form `# name=value` before anything else.
pub fn directives(plain: &str, shift: usize) -> (Option<Word>, char) {
    let (mut syntax, mut escape) = (None, '\\');
    let mut at = shift;
    for line in plain.split_inclusive('\n') {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else { break };
        let value = value.trim();
        match name.trim().to_lowercase().as_str() {
            "syntax" => {
                let start = at + line.find(value).unwrap_or(0);
                syntax = Some(Word { text: value.to_owned(), span: start..start + value.len() });
            }
            "escape" if value == "`" => escape = '`',
            "escape" | "check" => {}
            _ => break,
        }
        at += line.len();
    }
    (syntax, escape)
}

/// The text for the lexer: what it cannot read (the bodies of here-documents, and the statements of which `is_hidden` is true) made
/// comments of the same length; and where the bodies stand.
pub fn for_lexer(text: &str, statements: &[Statement], is_hidden: impl Fn(usize) -> bool) -> (String, Vec<Span>) {
    let mut out = String::with_capacity(text.len());
    let mut bodies = Vec::new();
    let mut done = 0;
    for (number, statement) in statements.iter().enumerate() {
        let lines_end = statement.here.first().map_or(statement.span.end, |here| here.body.start);
        let hides = is_hidden(number);
        if !hides && statement.here.is_empty() {
            continue;
        }
        out.push_str(part(text, done..statement.span.start));
        for line in part(text, statement.span.start..lines_end).split_inclusive('\n') {
            let bare = line.trim_end_matches(['\n', '\r']);
            if hides {
                hide(&mut out, line);
            } else if bare.trim_start().starts_with('#') {
                out.push_str(line);
            } else {
                let mut shown = line.to_owned();
                for (mark, _, _) in here_marks(bare) {
                    shown.replace_range(mark..mark + 2, "__");
                }
                out.push_str(&shown);
            }
        }
        done = lines_end;
        for here in &statement.here {
            // With the line that ends it.
            let end = part(text, here.body.end..).find('\n').map_or(text.len(), |end| here.body.end + end + 1);
            part(text, here.body.start..end).split_inclusive('\n').for_each(|line| hide(&mut out, line));
            bodies.push(here.body.start..end);
            done = end;
        }
    }
    out.push_str(part(text, done..));
    (out, bodies)
}

/// A line of a body as a comment.
pub fn hide(out: &mut String, line: &str) {
    let bare = line.trim_end_matches(['\n', '\r']);
    if !bare.is_empty() {
        out.push('#');
        out.extend(std::iter::repeat_n('x', bare.len() - 1));
    }
    out.push_str(part(line, bare.len()..));
}

/// `<<NAME`, `<<-"NAME"` in a line: where, the delimiter, and whether tabs are stripped. BuildKit's
/// `^(\d*)<<(-?)([^<]*)$` on each word.
pub fn here_marks(line: &str) -> Vec<(usize, String, bool)> {
    let mut marks = Vec::new();
    let mut quote: Option<char> = None;
    let mut word_start = true;
    let mut letters = line.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let starts = word_start;
        word_start = letter.is_whitespace() && quote.is_none();
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '\\') => {
                letters.next();
            }
            (None, _) if starts && !letter.is_whitespace() => {
                let rest = part(line, at..);
                let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
                let Some(after) = part(rest, digits..).strip_prefix("<<") else { continue };
                let (strips, after) = after.strip_prefix('-').map_or((false, after), |after| (true, after));
                let (name, end) = match after.chars().next() {
                    Some(open @ ('"' | '\'')) => match part(after, 1..).split_once(open) {
                        Some((name, rest)) if rest.is_empty() || rest.starts_with(char::is_whitespace) => {
                            (name, name.len() + 2)
                        }
                        _ => continue,
                    },
                    _ => {
                        let end = after.find(char::is_whitespace).unwrap_or(after.len());
                        (part(after, ..end), end)
                    }
                };
                if name.is_empty() || name.contains('<') {
                    continue;
                }
                marks.push((at + digits, name.to_owned(), strips));
                let past = at + digits + 2 + usize::from(strips) + end;
                while letters.peek().is_some_and(|(next, _)| *next < past) {
                    letters.next();
                }
            }
            _ => {}
        }
    }
    marks
}
