//! A place in a file, shown as compilers do: the line, with marks under the part that is meant.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::screen::{Screen, cut, shown, width};
use fender_core::files::text::Place;

/// The place with its line. A secret's value is not shown again.
pub fn snippet(place: &Place, screen: &Screen, secret: bool) -> String {
    let ((line, column), (end_line, end_column)) = (place.start(), place.end());
    let mut out = format!("  {}\n", shown(&place.name()));
    let whole = place.text.line(line).trim_start_matches('\u{feff}');
    let (before, marked) = split(whole, column - 1);
    let marked = if end_line > line { marked } else { split(marked, end_column.saturating_sub(column)).0 };
    let after = &whole[before.len() + marked.len()..];
    let (marked, after) = match secret.then(|| marked.find([':', '='])).flatten() {
        Some(at) => (&marked[..at], " …"),
        None if secret => (marked, if after.is_empty() { "" } else { " …" }),
        None => (marked, after),
    };
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    // A line that is too long is shown where the mark is.
    let room = screen.width.saturating_sub(number.len() + 8).max(20);
    let (mut before, mut marked) = (shown(before).replace('\t', " "), shown(marked).replace('\t', " "));
    if width(&before) + width(&marked) > room {
        let mut kept = before.as_str();
        while width(kept) > 12 {
            kept = &kept[kept.chars().next().map_or(0, char::len_utf8)..];
        }
        before = if kept.len() < before.len() { format!("…{kept}") } else { before };
        marked = cut(&marked, room.saturating_sub(width(&before)));
    }
    let used = width(&before) + width(&marked);
    let after = cut(&shown(after), room.saturating_sub(used));
    let _ = writeln!(out, "    {} {before}{marked}{after}", screen.dim(&format!("{number} |")));
    let marks = "^".repeat(width(&marked).max(1));
    let meaning =
        place.meaning.as_deref().filter(|_| !secret).map(|meaning| format!(" {}", shown(meaning))).unwrap_or_default();
    let spaces = " ".repeat(width(&before));
    let _ = writeln!(out, "    {} {spaces}{}{meaning}", screen.dim(&format!("{gutter} |")), screen.marked(&marks));
    let mut through = place.through.as_deref();
    while let Some(place) = through {
        let text = place.marked().split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!("  (through  {}  {})", shown(&place.name()), cut(&shown(&text), 60));
        let _ = writeln!(out, "{}", screen.dim(&line));
        through = place.through.as_deref();
    }
    out
}

/// A text at its letter with this number.
fn split(text: &str, letters: usize) -> (&str, &str) {
    let at = text.char_indices().nth(letters).map_or(text.len(), |(at, _)| at);
    text.split_at(at)
}

/// For `--format json`.
pub fn as_json(place: &Place) -> Value {
    let ((line, column), (end_line, end_column)) = (place.start(), place.end());
    json!({
        "path": place.path(), "line": line, "column": column, "end_line": end_line, "end_column": end_column,
        "of": place.of, "text": place.marked(), "meaning": place.meaning,
        "through": place.through.as_deref().map(as_json),
    })
}
