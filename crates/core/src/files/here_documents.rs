//! Parser directives of a Dockerfile (`# syntax`, `# escape`), and its here-documents, which are removed before lexing. Pure.

use std::collections::VecDeque;

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

/// The text with the bodies of here-documents made comments of the same length, and where they stand.
pub fn without_here_documents(text: &str) -> (String, Vec<Span>) {
    let escape = directives(text, 0).1;
    let mut out = String::with_capacity(text.len());
    let mut bodies = Vec::new();
    let mut waiting: VecDeque<(String, bool)> = VecDeque::new();
    let (mut in_body, mut continued, mut takes_here, mut at) = (false, false, false, 0);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        at += line.len();
        if in_body {
            if let Some((delimiter, strips)) = waiting.front() {
                let compared = if *strips { bare.trim_start_matches('\t') } else { bare };
                let is_end = compared == delimiter;
                hide(&mut out, line);
                if let Some(body) = bodies.last_mut() {
                    let body: &mut Span = body;
                    body.end = at;
                }
                if is_end {
                    waiting.pop_front();
                    in_body = !waiting.is_empty();
                    if in_body {
                        bodies.push(at..at);
                    }
                }
            }
            continue;
        }
        let trimmed = bare.trim_start();
        if trimmed.starts_with('#') || (continued && trimmed.is_empty()) {
            out.push_str(line);
            continue;
        }
        if !continued {
            let word = trimmed.split_whitespace().next().unwrap_or_default().to_uppercase();
            let word = if word == "ONBUILD" {
                trimmed.split_whitespace().nth(1).unwrap_or_default().to_uppercase()
            } else {
                word
            };
            takes_here = matches!(word.as_str(), "RUN" | "COPY" | "ADD");
        }
        let mut shown = line.to_owned();
        if takes_here {
            for (mark, delimiter, strips) in here_marks(bare) {
                shown.replace_range(mark..mark + 2, "__");
                waiting.push_back((delimiter, strips));
            }
        }
        out.push_str(&shown);
        continued = bare.trim_end_matches([' ', '\t']).ends_with(escape);
        if !continued && !waiting.is_empty() {
            in_body = true;
            bodies.push(at..at);
        }
    }
    // Without its end the crate shall say so where it begins.
    if waiting.is_empty() { (out, bodies) } else { (text.to_owned(), Vec::new()) }
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
