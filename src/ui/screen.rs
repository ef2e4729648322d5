//! Text for a terminal: colours, lines that fit, names with control characters escaped.

use std::fmt::Write as _;

use fender_core::files::mask;

/// How wide text is set where the terminal does not say, in columns.
const WIDTH: usize = 80;
/// How many lines a terminal has that does not say.
const HEIGHT: usize = 25;

/// Text in fewer columns is hard to read.
const NARROWEST: usize = 24;

/// How many columns a text takes on a terminal: wide letters take two, combining ones none.
pub fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// The beginning of a text that fits into so many columns, with a sign that there is more.
pub fn cut(text: &str, columns: usize) -> String {
    console::truncate_str(text, columns, "…").into_owned()
}

/// Where text goes and what may be done with it there.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Whether there may be colours.
    pub colour: bool,
    /// In columns.
    pub width: usize,
    /// In lines; `usize::MAX` where a reader scrolls.
    pub height: usize,
}

impl Screen {
    /// For a stream that is, or is not, a terminal.
    pub fn new(is_terminal: bool) -> Screen {
        let size = if is_terminal { console::Term::stderr().size_checked() } else { None };
        Screen::of(is_terminal, size)
    }

    /// For a question: the terminal that controls this process, wherever the streams go.
    pub fn of_questions() -> Screen {
        let device = || std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty");
        let pair = device().and_then(|input| Ok((input, device()?)));
        let size = pair.ok().and_then(|(input, output)| console::Term::read_write_pair(input, output).size_checked());
        Screen::of(true, size)
    }

    fn of(is_terminal: bool, size: Option<(u16, u16)>) -> Screen {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let (height, width) = size.map_or((HEIGHT, WIDTH), |(rows, columns)| (rows.into(), columns.into()));
        // A pseudo-terminal without a size says 0.
        let width = if width == 0 { WIDTH } else { width };
        let height = if height == 0 { HEIGHT } else { height };
        Screen { colour: is_terminal && !dumb && !set("NO_COLOR"), width: width.clamp(20, 100), height }
    }

    /// Plain text of a fixed width, for tests and documents.
    pub fn plain() -> Screen {
        Screen { colour: false, width: WIDTH, height: HEIGHT }
    }

    fn styled(&self, text: &str, code: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What need not be read first.
    pub fn dim(&self, text: &str) -> String {
        self.styled(text, "2")
    }

    /// What is to be read first.
    pub fn bold(&self, text: &str) -> String {
        self.styled(text, "1")
    }

    /// The one colour: what is asked or refused.
    pub fn marked(&self, text: &str) -> String {
        self.styled(text, "1;91")
    }

    /// What went well.
    pub fn good(&self, text: &str) -> String {
        self.styled(text, "32")
    }

    /// Whether text behind so many columns would stand in a column of single words.
    pub fn is_narrow_behind(&self, columns: usize) -> bool {
        columns + NARROWEST > self.width
    }

    /// `text` in lines of this screen, the first after `first`, the others after as many spaces. Where this leaves too few columns and the
    /// text needs more than one line, it begins below.
    pub fn filled(&self, first: &str, text: &str) -> String {
        let mut indent = width(first);
        let mut out = first.to_owned();
        let mut column = indent;
        let below = self.is_narrow_behind(indent) && indent + width(text) > self.width;
        if below {
            out.truncate(first.trim_end().len());
            indent = (first.len() - first.trim_start().len() + 2).min(indent);
            let lead = if out.is_empty() { "" } else { "\n" };
            let _ = write!(out, "{lead}{:indent$}", "");
            column = indent;
        }
        for (at, word) in text.split_whitespace().enumerate() {
            let length = width(word);
            if at > 0 && column + 1 + length > self.width {
                let _ = write!(out, "\n{:indent$}", "");
                column = indent;
            } else if at > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
        out.push('\n');
        out
    }
}

/// A text from outside with control, bidirectional and zero-width characters made visible, and without secrets.
pub fn shown(text: &str) -> String {
    let text = &mask::text(text);
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}' | '\u{00ad}')
    };
    if !text.chars().any(hidden) {
        return text.to_owned();
    }
    text.chars().fold(String::new(), |mut out, letter| {
        if hidden(letter) {
            let _ = write!(out, "{}", letter.escape_unicode());
        } else {
            out.push(letter);
        }
        out
    })
}

/// A word as it would be typed in a shell, without secrets.
pub fn quoted(word: &str) -> String {
    quoted_masked(&mask::word(word))
}

/// The same for one that is masked already: the mask itself needs no quotes.
pub fn quoted_masked(word: &str) -> String {
    // Behind the first word a shell takes `=` as it stands.
    let bare = word.replace(mask::MASK, "x").replace('=', "x");
    if shell_words::quote(&bare) == bare { shown(word) } else { shown(&shell_words::quote(word)) }
}

/// `docker` and the words, as typed in a shell, without secrets.
pub fn command_line(words: &[String]) -> String {
    let words = mask::args(words);
    std::iter::once("docker".to_owned())
        .chain(words.iter().map(|word| quoted_masked(word)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// `one`, `one and two`, `one, two and three`.
pub fn list(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lie() {
        assert_eq!(shown("a\u{1b}[2Kb"), "a\\u{1b}[2Kb");
        assert_eq!(shown("safe\u{202e}txt"), "safe\\u{202e}txt");
        assert_eq!(shown("zero\u{200b}width"), "zero\\u{200b}width");
        assert_eq!(shown("größe"), "größe");
    }

    #[test]
    fn lines_fit() {
        let screen = Screen { colour: false, width: 20, height: HEIGHT };
        assert_eq!(screen.filled("  a  ", "one two three"), "  a  one two three\n");
        assert_eq!(screen.filled("  a  ", "one two three four five"), "  a\n    one two three\n    four five\n");
        assert_eq!(screen.filled("   ", "one two three four five"), "   one two three\n   four five\n");
        let wide = Screen { width: 30, ..screen };
        assert_eq!(wide.filled("  a  ", "one two three four five six"), "  a  one two three four five\n     six\n");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
