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
        let mut may_close = true;
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
                '[' => class(&mut letters, &mut may_close)?,
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
        // Trying one way after the other is quick for nearly all; what it is not for is followed in all ways at once.
        let mut steps = PATIENCE;
        let tried = if self.items.len() > FEW { None } else { self.tried(0, 0, &letters, &mut steps) };
        tried.unwrap_or_else(|| self.followed(&letters))
    }

    /// Tries one way after the other; None where it takes too many steps.
    fn tried(&self, mut item: usize, mut at: usize, text: &[char], steps: &mut usize) -> Option<bool> {
        loop {
            let Some(next) = self.items.get(item) else { return Some(at == text.len()) };
            *steps = steps.checked_sub(1)?;
            if let Piece::Folders = next.what {
                if self.tried(item + 1, at, text, steps)? {
                    return Some(true);
                }
                for (end, letter) in text.iter().enumerate().skip(at).take_while(|(_, letter)| **letter != '\n') {
                    if *letter == '/' && self.tried(item + 1, end + 1, text, steps)? {
                        return Some(true);
                    }
                }
                return Some(false);
            }
            if next.many {
                let mut end = at;
                loop {
                    if self.tried(item + 1, end, text, steps)? {
                        return Some(true);
                    }
                    match step(&next.what, end, text) {
                        Some(after) if after > end => end = after,
                        _ => return Some(false),
                    }
                }
            }
            match step(&next.what, at, text) {
                Some(after) => (item, at) = (item + 1, after),
                None => return Some(false),
            }
        }
    }

    /// Follows all ways at once: as many steps as the pattern has parts, times the letters of the text.
    fn followed(&self, text: &[char]) -> bool {
        // Where a way may be: before a part, or within `(.*/)?`.
        let mut ways = Ways { now: vec![(0, false)], seen: vec![0; 2 * (self.items.len() + 1)] };
        for at in 0..=text.len() {
            let mut next = Vec::new();
            let mut done = 0;
            while let Some((item, within)) = ways.now.get(done).copied() {
                done += 1;
                let Some(it) = self.items.get(item) else {
                    if at == text.len() {
                        return true;
                    }
                    continue;
                };
                let letter = text.get(at).filter(|letter| **letter != '\n');
                if let Piece::Folders = it.what {
                    if !within {
                        ways.add((item + 1, false), at);
                        ways.add((item, true), at);
                    } else if let Some(letter) = letter {
                        next.push((item, true));
                        next.extend((*letter == '/').then_some((item + 1, false)));
                    }
                    continue;
                }
                if it.many {
                    ways.add((item + 1, false), at);
                }
                match step(&it.what, at, text) {
                    Some(after) if after > at => next.push((if it.many { item } else { item + 1 }, false)),
                    Some(_) if !it.many => ways.add((item + 1, false), at),
                    _ => {}
                }
            }
            ways.now.clear();
            for way in next {
                ways.add(way, at + 1);
            }
        }
        false
    }
}

/// So many steps are tried one after the other.
const PATIENCE: usize = 2_000;
/// Patterns with more parts are not tried: each part may be a call deeper.
const FEW: usize = 200;

/// The ways that are open at one letter, each once.
struct Ways {
    now: Vec<(usize, bool)>,
    /// For each way the letter after which it was last added, counted from 1.
    seen: Vec<usize>,
}

impl Ways {
    fn add(&mut self, way: (usize, bool), at: usize) {
        match self.seen.get_mut(2 * way.0 + usize::from(way.1)) {
            Some(known) if *known == at + 1 => return,
            Some(known) => *known = at + 1,
            None => {}
        }
        self.now.push(way);
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

/// What stands in brackets, after the first of them. `may_close` says whether `:]` may still follow: it is looked for once.
fn class(letters: &mut std::iter::Peekable<std::str::Chars>, may_close: &mut bool) -> Option<Piece> {
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
            let near: String = letters.clone().skip(1).take(LONGEST_NAME + 2).collect();
            if let Some((name, _)) = near.split_once(":]") {
                ranges.extend(posix(name)?);
                for _ in 0..name.chars().count() + 3 {
                    letters.next();
                }
                continue;
            }
            *may_close = *may_close && closes(letters.clone());
            // A name as long as this is none.
            if *may_close {
                return None;
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

/// The longest name of a class, `^xdigit`.
const LONGEST_NAME: usize = 7;

/// Whether `:]` follows.
fn closes(letters: std::iter::Peekable<std::str::Chars>) -> bool {
    let mut before = ' ';
    letters.skip(1).any(|letter| std::mem::replace(&mut before, letter) == ':' && letter == ']')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_matching_agree() {
        let patterns =
            ["^a*b", "^(.*/)?x[^/]*y", "^[^/]*[^/]*c", "^.*", "^a^b", "^\\bab\\B*c", "^(.*/)?(.*/)?z", "^[a-c]*/d.*"];
        let texts =
            ["", "a", "b", "aaab", "x/y/xay", "xy", "abc", "a/b/c", "q/z", "z", "a\nb/z", "abcabc/dx", "/z", "c"];
        for pattern in patterns {
            let expression = Expression::parse(pattern).unwrap();
            for text in texts {
                let letters: Vec<char> = text.chars().collect();
                let tried = expression.tried(0, 0, &letters, &mut 100_000).unwrap();
                assert_eq!(expression.followed(&letters), tried, "{pattern} {text:?}");
            }
        }
    }

    #[test]
    fn named_classes_end_where_go_ends_them() {
        assert!(Expression::parse("^[[:digit:]x]").is_some_and(|it| it.matches("7") && it.matches("x")));
        assert!(Expression::parse("^[[:nosuchname:]]").is_none());
        assert!(Expression::parse("^[[:a long one that is none:]]").is_none());
        assert!(Expression::parse("^[[:x]").is_some_and(|it| it.matches(":") && it.matches("[")));
    }
}
