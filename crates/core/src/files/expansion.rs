//! Words of a Dockerfile: joined lines, quotes, and variables as BuildKit puts them in. Pure.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::text::part;

/// A script with its continuation lines joined, and without the comments between them.
pub fn joined(written: &str, escape: char) -> String {
    let mut out = String::new();
    let mut continued = false;
    for line in written.split('\n') {
        let line = line.trim_end_matches('\r');
        if continued && (line.trim_start().starts_with('#') || line.trim().is_empty()) {
            continue;
        }
        let bare = line.trim_end_matches([' ', '\t']);
        match bare.strip_suffix(escape) {
            Some(start) => {
                out.push_str(start);
                continued = true;
            }
            None => {
                out.push_str(line);
                continued = false;
            }
        }
    }
    out.trim().to_owned()
}

/// Words with blanks between, quotes kept, and where each begins.
pub fn split(text: &str, escape: char) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote: Option<char> = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        if quote.is_none() && letter.is_whitespace() {
            words.extend(start.take().map(|start| (start, part(text, start..at))));
            continue;
        }
        start = start.or(Some(at));
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (None | Some('"'), letter) if letter == escape => {
                letters.next();
            }
            _ => {}
        }
    }
    words.extend(start.map(|start| (start, part(text, start..))));
    words
}

/// Deeper than this nobody nests `${A:-${B:-…}}`: what does is not filled in.
pub const DEEPEST: usize = 100;
/// Variables that hold each other can make a short file endless: no text becomes longer, in bytes.
pub const LONGEST: usize = 64 * 1024;
/// So many bytes are filled in for one file: many texts of that length are endless, too.
const MOST: usize = 4 * 1024 * 1024;

/// The variables at a place of a file, and how much more may be filled in for the whole of it.
#[derive(Debug)]
pub struct Variables {
    pub known: HashMap<String, String>,
    room: Rc<Cell<usize>>,
}

impl Default for Variables {
    fn default() -> Variables {
        Variables { known: HashMap::new(), room: Rc::new(Cell::new(MOST)) }
    }
}

impl Variables {
    /// Whether more was wanted than is filled in for one file.
    pub fn is_exhausted(&self) -> bool {
        self.room.get() == 0
    }

    /// Others in the same file.
    pub fn others(&self, known: HashMap<String, String>) -> Variables {
        Variables { known, room: self.room.clone() }
    }
}

/// Whether variables are nested deeper in a text than fender follows.
pub fn is_nested_too_deep(text: &str) -> bool {
    let (mut depth, mut before) = (0usize, 0u8);
    for byte in text.bytes() {
        match (before, byte) {
            (b'$', b'{') => depth += 1,
            (_, b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return true;
        }
        before = byte;
    }
    false
}

/// A word without its quotes and with variables filled in; None where one of them is not known.
pub fn expanded(text: &str, escape: char, variables: &Variables) -> Option<String> {
    if is_nested_too_deep(text) || variables.is_exhausted() && text.contains('$') {
        return None;
    }
    let mut out = String::new();
    let known = filled(text, escape, variables, &mut out);
    let more = out.len().saturating_sub(text.len());
    variables.room.set(variables.room.get().saturating_sub(more));
    known.map(|()| out)
}

/// Fills a word in; None where a variable is not known, or where the word becomes too long.
fn filled(text: &str, escape: char, variables: &Variables, out: &mut String) -> Option<()> {
    let mut letters = text.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '\'') | (Some('\''), '\'') => quote = if quote.is_some() { None } else { Some('\'') },
            (Some('\''), letter) => out.push(letter),
            (_, '"') => quote = if quote.is_some() { None } else { Some('"') },
            (_, letter) if letter == escape => out.extend(letters.next()),
            (_, '$') => {
                out.push_str(&variable(&mut letters, escape, variables)?);
                if out.len() > LONGEST.max(text.len()) {
                    return None;
                }
            }
            (_, letter) => out.push(letter),
        }
    }
    Some(())
}

/// A path in which variables are not known, as patterns: each variable is one element of a path of any name, a platform two or three
/// (`linux/amd64`, `linux/arm/v7`).
pub fn as_patterns(text: &str, escape: char) -> Vec<String> {
    let mut patterns = vec![String::new()];
    let mut letters = text.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (quote, letter) if letter == escape && quote != Some('\'') => {
                let next = letters.next();
                patterns.iter_mut().for_each(|pattern| pattern.extend(next));
            }
            (None | Some('"'), '$') => {
                let name = skipped_variable(&mut letters);
                if name.is_empty() {
                    patterns.iter_mut().for_each(|pattern| pattern.push('$'));
                    continue;
                }
                let has_parts = matches!(name.as_str(), "TARGETPLATFORM" | "BUILDPLATFORM") && patterns.len() == 1;
                for pattern in &mut patterns {
                    // Two of them beside each other would be any number of elements.
                    if !pattern.ends_with('*') {
                        pattern.push('*');
                    }
                }
                if has_parts {
                    let longer =
                        |more: &str| patterns.iter().map(|pattern| format!("{pattern}{more}")).collect::<Vec<_>>();
                    patterns = [longer("/*"), longer("/*/*")].concat();
                }
            }
            (_, letter) => patterns.iter_mut().for_each(|pattern| pattern.push(letter)),
        }
    }
    patterns
}

/// Goes over a variable behind its dollar; its name, empty where none stands there.
fn skipped_variable(letters: &mut std::iter::Peekable<std::str::Chars>) -> String {
    let mut name = String::new();
    let is_braced = letters.next_if_eq(&'{').is_some();
    while let Some(letter) = letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_') {
        name.push(letter);
    }
    let mut depth = usize::from(is_braced);
    while depth > 0 {
        match letters.next() {
            Some('{') => depth += 1,
            Some('}') => depth -= 1,
            Some(_) => {}
            None => break,
        }
    }
    name
}

pub fn variable(
    letters: &mut std::iter::Peekable<std::str::Chars>,
    escape: char,
    variables: &Variables,
) -> Option<String> {
    if letters.next_if_eq(&'{').is_none() {
        let mut name = String::new();
        while let Some(letter) = letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_') {
            name.push(letter);
        }
        return if name.is_empty() { Some("$".to_owned()) } else { variables.known.get(&name).cloned() };
    }
    let (mut inside, mut depth) = (String::new(), 1);
    for letter in letters.by_ref() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        inside.push(letter);
    }
    let end = inside.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(inside.len());
    let (name, modifier) = inside.split_at(end);
    let known = variables.known.get(name);
    let spoken = known.filter(|value| !value.is_empty());
    let other = |rest: &str| expanded(rest, escape, variables);
    // With a colon, an empty value counts as none.
    let (value, operator) = modifier.strip_prefix(':').map_or((known, modifier), |operator| (spoken, operator));
    if modifier.is_empty() {
        known.cloned()
    } else if let Some(rest) = operator.strip_prefix('-') {
        value.cloned().or_else(|| other(rest))
    } else if let Some(rest) = operator.strip_prefix('+') {
        if value.is_some() { other(rest) } else { Some(String::new()) }
    } else if operator.starts_with('?') {
        // `:?` stops the build where it is not set.
        known.cloned()
    } else {
        // Patterns are not worked out.
        None
    }
}
