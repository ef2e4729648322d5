//! Numbers as text, and which word was meant. Pure.

use std::ops::Index;
use std::slice::SliceIndex;

/// A number of bytes, in the units in which docker prints sizes.
pub fn bytes(count: i64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut size, mut unit) = (count as f64, 0);
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    let whole = size >= 100.0 || unit == 0 || (size * 10.0).round() % 10.0 == 0.0;
    if whole { format!("{size:.0} {name}") } else { format!("{size:.1} {name}") }
}

/// So many names are read; more are counted.
const NAMED: usize = 8;

/// `web, db`, or eight names and `57 more`.
pub fn named<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The words of a command up to its first flag, at most two: `pod rm`.
pub fn first_words(words: &[&str]) -> String {
    words.iter().take_while(|word| !word.starts_with('-')).take(2).copied().collect::<Vec<_>>().join(" ")
}

/// `1 container`, `3 containers`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// These bytes of a text, for positions that were found in this text. Another position is a fault of fender, which must not look like an
/// empty text: it panics, and then the command does not run.
#[inline]
#[track_caller]
pub fn part(text: &str, bytes: impl SliceIndex<str, Output = str>) -> &str {
    text.index(bytes)
}

/// Words less alike than this are not suggested. It is clap's bound, and Jaro's distance is clap's measure: fender's own commands
/// and options are suggested by clap, and everything else as if by clap.
const ALIKE: f64 = 0.7;

/// The known word that is most like the one that was typed, or that has it as a part. None where none is like it.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// A shorter part is in too many words.
    const PART: usize = 3;
    let typed = typed.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    let mut with_part = None;
    for word in known {
        let alike = strsim::jaro(&typed, &word.to_lowercase());
        if alike > ALIKE && best.is_none_or(|(other, _)| alike > other) {
            best = Some((alike, word));
        }
        if typed.len() >= PART && word.contains(&typed) {
            with_part = with_part.or(Some(word));
        }
    }
    best.map(|(_, word)| word).or(with_part)
}

/// `did you mean X?`, or what else helps where no known word is like the one that was typed.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>, else_say: &str) -> String {
    nearest(typed, known).map_or_else(|| else_say.to_owned(), |word| format!("did you mean {word}?"))
}

/// Whether a text has one of these words in it, in small letters or capitals: a quick check for long files, with one pass and no memory. The words are
/// given in small letters.
pub fn has_one_of(text: &str, signs: &[&str]) -> bool {
    let bytes = text.as_bytes();
    let letter = |byte: u8| 1_u64.checked_shl(u32::from(byte.to_ascii_lowercase().wrapping_sub(b'a'))).unwrap_or(0);
    let first = signs.iter().filter_map(|sign| sign.bytes().next()).fold(0, |all, byte| all | letter(byte));
    let begins = |rest: &[u8], sign: &str| {
        rest.get(..sign.len()).is_some_and(|start| start.eq_ignore_ascii_case(sign.as_bytes()))
    };
    let mut places = bytes.iter().enumerate().filter(|(_, byte)| letter(**byte) & first != 0);
    places.any(|(at, _)| bytes.get(at..).is_some_and(|rest| signs.iter().any(|sign| begins(rest, sign))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_has_one_suggestion() {
        let known = ["privileged", "privileged-exec", "docker-socket", "prune", "prune-all"];
        for (typed, meant) in [
            ("privilegd", Some("privileged")),
            ("PRIVILEGED", Some("privileged")),
            ("privilegedexec", Some("privileged-exec")),
            ("dokcer-socket", Some("docker-socket")),
            ("socket", Some("docker-socket")),
            ("pruneall", Some("prune-all")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
        assert_eq!(did_you_mean("prne", known, "nothing"), "did you mean prune?");
        assert_eq!(did_you_mean("zzz", known, "nothing"), "nothing");
    }

    #[test]
    fn many_names_are_counted() {
        assert_eq!(named(&["web", "db"]), "web, db");
        let names: Vec<String> = (0..65).map(|at| format!("c{at}")).collect();
        assert_eq!(named(&names), "c0, c1, c2, c3, c4, c5, c6, c7 and 57 more");
    }
}
