//! Which lines of its file a finding is about: a whole instruction of a Dockerfile, a key of a compose file with what is below it. Pure.

use std::ops::RangeInclusive;

use super::{FileKind, kind_of, kind_of_text};
use crate::files::text::{Place, Text};

/// The kind of the file that a place is in, by its name, else by what stands in it.
fn kind(text: &Text) -> Option<FileKind> {
    let name = text.path.rsplit('/').next().unwrap_or_default();
    let is_yaml = || [".yaml", ".yml"].iter().any(|end| name.ends_with(end)).then_some(FileKind::Compose);
    kind_of(name).or_else(is_yaml).or_else(|| kind_of_text(&text.text))
}

/// The lines that a finding is about, from its place: the whole instruction, or the key with everything below it.
pub fn extent(place: &Place) -> RangeInclusive<usize> {
    let (line, last) = (place.start().0, place.end().0);
    match kind(&place.text) {
        Some(FileKind::Dockerfile) => instruction(&place.text, line, last),
        Some(FileKind::Compose) => line..=below(&place.text, line).max(last),
        _ => line..=last,
    }
}

/// The lines of the stage that begins at a finding's place; None where no stage of a Dockerfile begins there.
pub fn stage(place: &Place) -> Option<RangeInclusive<usize>> {
    let begins = |number: usize| {
        let line = place.text.line(number).trim_start();
        line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("from "))
    };
    let lines = instruction(&place.text, place.start().0, place.end().0);
    if kind(&place.text) != Some(FileKind::Dockerfile) || !begins(*lines.start()) {
        return None;
    }
    let end = (lines.end() + 1..=place.text.line_count()).find(|number| begins(*number));
    Some(*lines.start()..=end.map_or(place.text.line_count(), |next| next - 1))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// An instruction's lines: a line that ends with the escape character goes on in the next one, and comments and empty lines
/// between do not end it.
fn instruction(text: &Text, mut first: usize, mut last: usize) -> RangeInclusive<usize> {
    // `escape` may be set to a backquote at the top; a backquote at the end of a line means nothing else there.
    let goes_on = |number: usize| text.line(number).trim_end().ends_with(['\\', '`']) && !is_comment(text.line(number));
    let between = |number: usize| is_comment(text.line(number)) || text.line(number).trim().is_empty();
    loop {
        let before = (1..first).rev().find(|number| !between(*number));
        match before.filter(|number| goes_on(*number)) {
            Some(number) => first = number,
            None => break,
        }
    }
    while goes_on(last) {
        match (last + 1..=text.line_count()).find(|number| !between(*number)) {
            Some(number) => last = number,
            None => break,
        }
    }
    first..=last
}

/// The last line of what stands below a line of YAML: everything that is indented deeper, and the entries of a list that stand as far
/// left as their key.
fn below(text: &Text, first: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_entry = |line: &str| line.trim_start().starts_with("- ");
    let key = text.line(first);
    let mut last = first;
    for number in first + 1..=text.line_count() {
        let line = text.line(number);
        if line.trim().is_empty() || is_comment(line) {
            continue;
        }
        if indent(line) < indent(key) || indent(line) == indent(key) && (is_entry(key) || !is_entry(line)) {
            break;
        }
        last = number;
    }
    last
}

/// The content of a finding's place, so that it is the same after lines were moved or indented in another way: the instruction, or the
/// line of a compose file. `hides` is for secrets: their values are left out.
pub fn content(place: &Place, hides: bool) -> String {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let of = place.of.as_deref().unwrap_or_default();
    if hides {
        let marked = place.marked();
        return format!("{of}\n{}", words(marked.split([':', '=']).next().unwrap_or_default()));
    }
    let lines = match kind(&place.text) {
        Some(FileKind::Dockerfile) => extent(place),
        _ => place.start().0..=place.start().0,
    };
    let lines = lines.map(|number| place.text.line(number)).filter(|line| !is_comment(line));
    let joined: Vec<&str> = lines.map(|line| line.trim_end().trim_end_matches(['\\', '`'])).collect();
    format!("{of}\n{}", words(&joined.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, text: &str, wanted: &str) -> Place {
        let start = text.find(wanted).unwrap();
        Place::new(&Text::new(path, text.to_owned()), start..start + wanted.len())
    }

    #[test]
    fn an_instruction_goes_on_behind_comments() {
        let text = "FROM a\nRUN x \\\n  # why\n\n  && y \\\n  && z\nUSER 1\nFROM b\nRUN q\n";
        for wanted in ["RUN x", "&& y", "&& z"] {
            assert_eq!(extent(&place("Dockerfile", text, wanted)), 2..=6, "{wanted}");
        }
        assert_eq!(extent(&place("Dockerfile", text, "USER")), 7..=7);
        assert_eq!(content(&place("Dockerfile", text, "&& y"), false), "\nRUN x && y && z");
        assert_eq!(stage(&place("Dockerfile", text, "a\n")), Some(1..=7));
        assert_eq!(stage(&place("Dockerfile", text, "b\n")), Some(8..=text.lines().count() + 1));
        assert_eq!(stage(&place("Dockerfile", text, "USER")), None);
        // The end of the file is no end of the text.
        assert_eq!(extent(&place("Dockerfile", "RUN a \\\n", "RUN")), 1..=1);
    }

    #[test]
    fn a_key_has_what_is_below_it() {
        let text =
            "services:\n  web:\n    image: x\n    # why\n    ports:\n    - 80:80\n    - 81:81\n\n  db:\n    image: y\n";
        let lines = |wanted: &str| extent(&place("compose.yaml", text, wanted));
        assert_eq!(lines("web"), 2..=7);
        assert_eq!(lines("ports"), 5..=7);
        assert_eq!(lines("80:80"), 6..=6);
        assert_eq!(lines("image: x"), 3..=3);
        assert_eq!(lines("db"), 9..=10);
        assert_eq!(lines("services"), 1..=10);
    }

    #[test]
    fn a_secrets_value_is_not_content() {
        let text = "FROM a\nENV API_TOKEN=hunter2\n";
        assert_eq!(content(&place("Dockerfile", text, "API_TOKEN=hunter2"), true), "\nAPI_TOKEN");
    }
}
