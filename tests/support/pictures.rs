//! Pictures of a terminal, all of one width, and files that are made from the program.

use std::fs;
use std::path::Path;

/// Columns of the terminal.
const COLUMNS: usize = 80;

/// The text as a terminal shows it, as an SVG.
pub fn drawn(text: &str) -> String {
    let text: String = text.split_inclusive('\n').map(folded).collect();
    anstyle_svg::Term::new().min_width_px(760).render_svg(&text)
}

/// A line that is too long goes on in the next one; escape sequences take no column.
fn folded(line: &str) -> String {
    let (mut out, mut column, mut escape) = (String::new(), 0, false);
    for letter in line.chars() {
        match letter {
            '\u{1b}' => escape = true,
            _ if escape => escape = letter != 'm',
            '\n' => {}
            _ if column == COLUMNS => {
                out.push('\n');
                column = 1;
            }
            _ => column += 1,
        }
        out.push(letter);
    }
    out
}

/// Compares with what is checked in, or writes it where `FENDER_UPDATE` is set.
pub fn current(path: &Path, made: &str) {
    if std::env::var_os("FENDER_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, made).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(kept == made, "{} is stale: this test with FENDER_UPDATE=1 makes it again", path.display());
}
