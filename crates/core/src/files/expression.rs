//! The regular expressions that docker makes of ignore patterns: the part of Go's syntax that can occur in them. Pure.

/// The part of Go's regular expressions that can come of a pattern.
#[derive(Clone, Debug)]
pub struct Expression {
    items: Vec<ClassItem>,
    /// The longest run of letters that has to be there.
    needle: String,
}

#[derive(Clone, Debug)]
struct ClassItem {
    what: Piece,
    /// How often: once, or any number.
    many: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Letter(char),
    /// Anything but a line feed.
    Any,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// `(.*/)?`: nothing, or anything that ends in a slash.
    Folders,
    Start,
    End,
    /// `\b`, and `\B`.
    Border(bool),
}

impl Expression {
    /// None where Go would say that it is none.
    pub fn parse(text: &str) -> Option<Expression> {
        let mut items: Vec<ClassItem> = Vec::new();
        // The first `^` is docker's own, and so is the end.
        let mut letters = text.strip_prefix('^')?.chars().peekable();
        while let Some(letter) = letters.next() {
            let what = match letter {
                '(' => {
                    // Only docker's own group can be here.
                    for _ in 0..5 {
                        letters.next();
                    }
                    Piece::Folders
                }
                '^' => Piece::Start,
                '.' => Piece::Any,
                '[' => class(&mut letters)?,
                '\\' => escape(letters.next()?)?,
                letter => Piece::Letter(letter),
            };
            let many = letters.next_if_eq(&'*').is_some();
            items.push(ClassItem { what, many });
        }
        let (mut needle, mut run) = (String::new(), String::new());
        for item in &items {
            match (&item.what, item.many) {
                (Piece::Letter(letter), false) => run.push(*letter),
                _ => run.clear(),
            }
            if run.len() > needle.len() {
                needle.clone_from(&run);
            }
        }
        Some(Expression { items, needle })
    }

    pub fn matches(&self, text: &str) -> bool {
        // Most paths lack the letters that a pattern needs.
        if !text.contains(&self.needle) {
            return false;
        }
        let letters: Vec<char> = text.chars().collect();
        let mut tried = Tried::default();
        self.run(0, 0, &letters, &mut tried)
    }

    fn run(&self, mut item: usize, mut at: usize, text: &[char], tried: &mut Tried) -> bool {
        loop {
            let Some(next) = self.items.get(item) else { return at == text.len() };
            if !tried.first_time(item, at, self.items.len() + 1) {
                return false;
            }
            if let Piece::Folders = next.what {
                if self.run(item + 1, at, text, tried) {
                    return true;
                }
                let reach = text[at..].iter().position(|letter| *letter == '\n').map_or(text.len(), |end| at + end);
                return (at..reach).filter(|end| text[*end] == '/').any(|end| self.run(item + 1, end + 1, text, tried));
            }
            if next.many {
                let mut end = at;
                loop {
                    if self.run(item + 1, end, text, tried) {
                        return true;
                    }
                    match step(&next.what, end, text) {
                        Some(after) if after > end => end = after,
                        _ => return false,
                    }
                }
            }
            match step(&next.what, at, text) {
                Some(after) => (item, at) = (item + 1, after),
                None => return false,
            }
        }
    }
}

/// What was tried without success: kept once a match takes long, so that no pattern takes long.
#[derive(Default)]
struct Tried {
    steps: usize,
    seen: Vec<bool>,
}

impl Tried {
    const PATIENCE: usize = 2_000;

    fn first_time(&mut self, item: usize, at: usize, items: usize) -> bool {
        self.steps += 1;
        if self.steps < Tried::PATIENCE {
            return true;
        }
        let state = at * items + item;
        if self.seen.len() <= state {
            self.seen.resize(state + 1, false);
        }
        !std::mem::replace(&mut self.seen[state], true)
    }
}

/// The position after one letter that fits, or after an assertion that holds.
fn step(what: &Piece, at: usize, text: &[char]) -> Option<usize> {
    let is_word = |at: Option<usize>| {
        at.and_then(|at| text.get(at)).is_some_and(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
    };
    match what {
        Piece::Start => (at == 0).then_some(at),
        Piece::End => (at == text.len()).then_some(at),
        Piece::Border(wanted) => ((is_word(at.checked_sub(1)) != is_word(Some(at))) == *wanted).then_some(at),
        Piece::Letter(letter) => (text.get(at) == Some(letter)).then_some(at + 1),
        Piece::Any => text.get(at).filter(|letter| **letter != '\n').map(|_| at + 1),
        Piece::Class { negated, ranges } => {
            let letter = text.get(at)?;
            let within = ranges.iter().any(|(low, high)| low <= letter && letter <= high);
            (within != *negated).then_some(at + 1)
        }
        Piece::Folders => None,
    }
}

const DIGITS: &[(char, char)] = &[('0', '9')];
const SPACES: &[(char, char)] = &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')];
const WORDS: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// What a backslash makes of a letter in a regular expression of Go. None where it is not allowed.
fn escape(letter: char) -> Option<Piece> {
    let class = |ranges: &[(char, char)], negated| Some(Piece::Class { negated, ranges: ranges.to_vec() });
    match letter {
        'd' => class(DIGITS, false),
        'D' => class(DIGITS, true),
        's' => class(SPACES, false),
        'S' => class(SPACES, true),
        'w' => class(WORDS, false),
        'W' => class(WORDS, true),
        'A' => Some(Piece::Start),
        'z' => Some(Piece::End),
        'b' => Some(Piece::Border(true)),
        'B' => Some(Piece::Border(false)),
        'C' => Some(Piece::Any),
        _ => control(letter).map(Piece::Letter),
    }
}

/// `\t` and the like, and punctuation that stands for itself.
fn control(letter: char) -> Option<char> {
    Some(match letter {
        'a' => '\u{7}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        letter if letter.is_ascii() && !letter.is_ascii_alphanumeric() => letter,
        _ => return None,
    })
}

/// What stands in brackets, after the first of them.
fn class(letters: &mut std::iter::Peekable<std::str::Chars>) -> Option<Piece> {
    let negated = letters.next_if_eq(&'^').is_some();
    let mut ranges: Vec<(char, char)> = Vec::new();
    let mut is_first = true;
    loop {
        let letter = letters.next()?;
        if letter == ']' && !is_first {
            return Some(Piece::Class { negated, ranges });
        }
        is_first = false;
        if letter == '[' && letters.peek() == Some(&':') {
            let rest: String = letters.clone().skip(1).collect();
            if let Some((name, _)) = rest.split_once(":]") {
                ranges.extend(posix(name)?);
                for _ in 0..name.chars().count() + 3 {
                    letters.next();
                }
                continue;
            }
        }
        let low = if letter == '\\' {
            match escape(letters.next()?)? {
                Piece::Letter(letter) => letter,
                Piece::Class { negated: false, ranges: more } => {
                    ranges.extend(more);
                    continue;
                }
                Piece::Class { negated: true, ranges: more } => {
                    ranges.extend(but(&more));
                    continue;
                }
                _ => return None,
            }
        } else {
            letter
        };
        let mut ahead = letters.clone();
        if ahead.next() == Some('-') && ahead.peek().is_some_and(|next| *next != ']') {
            letters.next();
            let high = match letters.next()? {
                '\\' => match escape(letters.next()?)? {
                    Piece::Letter(letter) => letter,
                    _ => return None,
                },
                letter => letter,
            };
            if high < low {
                return None;
            }
            ranges.push((low, high));
        } else {
            ranges.push((low, low));
        }
    }
}

/// Everything outside of these ranges, which are in order.
fn but(ranges: &[(char, char)]) -> Vec<(char, char)> {
    let mut out = Vec::new();
    let mut next = '\0';
    for (low, high) in ranges {
        if let Some(before) = char::from_u32(u32::from(*low).wrapping_sub(1)).filter(|before| *before >= next) {
            out.push((next, before));
        }
        next = char::from_u32(u32::from(*high) + 1).unwrap_or(char::MAX);
    }
    out.push((next, char::MAX));
    out
}

/// `[:alpha:]`.
fn posix(name: &str) -> Option<Vec<(char, char)>> {
    let (negated, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
    let ranges: &[(char, char)] = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\u{7f}')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "digit" => DIGITS,
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => WORDS,
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    };
    Some(if negated { but(ranges) } else { ranges.to_vec() })
}
