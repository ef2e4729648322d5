//! A place in a file, shown as compilers do: the line, with marks under the part that is meant.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::screen::{Screen, cut, shown, width};
use fender_core::files::text::Place;
use fender_core::text::part;

/// The place with its line. A secret's value is not shown again.
pub fn snippet(place: &Place, screen: &Screen, secret: bool) -> String {
    let ((line, _), (end_line, _)) = (place.start(), place.end());
    let mut out = format!("  {}\n", shown(&place.name()));
    let (before, marked, after) = parts(place, end_line > line);
    let (marked, after) = match secret.then(|| marked.split_once([':', '='])).flatten() {
        Some((name, _)) => (name, " …"),
        None if secret => (marked, if after.is_empty() { "" } else { " …" }),
        None => (marked, after),
    };
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    // A line that is too long is shown where the mark is.
    let room = screen.width.saturating_sub(number.len() + 8).max(20);
    let (mut before, mut marked) = (shown(before).replace('\t', " "), shown(marked).replace('\t', " "));
    if width(&before) + width(&marked) > room {
        let mut kept = before.len();
        for (at, _) in before.char_indices().rev().take_while(|(at, _)| before.len() - at < 12 * 4) {
            if width(part(&before, at..)) > 12 {
                break;
            }
            kept = at;
        }
        before = if kept > 0 { format!("…{}", part(&before, kept..)) } else { before };
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

/// So many bytes before and behind a mark are looked at, and of the mark itself: a file may be one line.
const NEAR: usize = 384;

/// The marked line: what stands before the mark, the mark, and what follows it.
fn parts(place: &Place, to_the_end: bool) -> (&str, &str, &str) {
    let text = &place.text.text;
    let (line, end) = (place.text.line_start(place.span.start), place.text.line_end(place.span.start));
    let start = place.span.start.min(end);
    let stop = if to_the_end { end } else { place.span.end.clamp(start, end) };
    let mut from = line;
    if start - line > NEAR {
        // A word of which the beginning is not seen is not shown: it may be a secret.
        let near = boundary(text, start - NEAR);
        from = part(text, near..start).find(char::is_whitespace).map_or(start, |at| near + at);
    }
    let stop_shown = boundary(text, stop.min(start + NEAR));
    let after = part(text, boundary(text, stop)..boundary(text, end.min(stop + NEAR)));
    let before = part(text, from..start).trim_start_matches('\u{feff}');
    (before, part(text, start..stop_shown.max(start)), after.trim_end_matches('\r'))
}

/// The last place not behind this byte at which a letter begins.
fn boundary(text: &str, byte: usize) -> usize {
    (0..=byte).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
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
