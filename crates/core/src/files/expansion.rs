//! Words of a Dockerfile: joined lines, quotes, and variables as BuildKit puts them in. Pure.

use std::collections::HashMap;

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

/// Words with blanks between, quotes kept.
pub fn split(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, letter) if letter.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (None | Some('"'), letter) if letter == escape => {
                word.push(letter);
                if let Some(next) = letters.next() {
                    word.push(next);
                }
                continue;
            }
            _ => {}
        }
        word.push(letter);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Deeper than this nobody nests `${A:-${B:-…}}`: what does is not filled in.
pub const DEEPEST: usize = 100;
/// Variables that hold each other can make a short file endless: no text becomes longer, in bytes.
const LONGEST: usize = 64 * 1024;

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
pub fn expanded(text: &str, escape: char, variables: &HashMap<String, String>) -> Option<String> {
    if is_nested_too_deep(text) {
        return None;
    }
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(letter) = letters.next() {
        if out.len() > LONGEST {
            return None;
        }
        match (quote, letter) {
            (None, '\'') | (Some('\''), '\'') => quote = if quote.is_some() { None } else { Some('\'') },
            (Some('\''), letter) => out.push(letter),
            (_, '"') => quote = if quote.is_some() { None } else { Some('"') },
            (_, letter) if letter == escape => out.extend(letters.next()),
            (_, '$') => out.push_str(&variable(&mut letters, escape, variables)?),
            (_, letter) => out.push(letter),
        }
    }
    Some(out)
}

pub fn variable(
    letters: &mut std::iter::Peekable<std::str::Chars>,
    escape: char,
    variables: &HashMap<String, String>,
) -> Option<String> {
    if letters.next_if_eq(&'{').is_none() {
        let mut name = String::new();
        while let Some(letter) = letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_') {
            name.push(letter);
        }
        return if name.is_empty() { Some("$".to_owned()) } else { variables.get(&name).cloned() };
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
    let known = variables.get(name);
    let spoken = known.filter(|value| !value.is_empty());
    let other = |rest: &str| expanded(rest, escape, variables);
    match modifier.as_bytes() {
        [] => known.cloned(),
        [b':', b'-', ..] => spoken.cloned().or_else(|| other(&modifier[2..])),
        [b'-', ..] => known.cloned().or_else(|| other(&modifier[1..])),
        [b':', b'+', ..] => {
            if spoken.is_some() {
                other(&modifier[2..])
            } else {
                Some(String::new())
            }
        }
        [b'+', ..] => {
            if known.is_some() {
                other(&modifier[1..])
            } else {
                Some(String::new())
            }
        }
        // `:?` stops the build where it is not set; patterns are not worked out.
        [b':', b'?', ..] | [b'?', ..] => known.cloned(),
        _ => None,
    }
}
