//! Ignore files, read and matched as docker does: moby/patternmatcher `ignorefile.go` and `patternmatcher.go`. Pure.
//!
//! A pattern is turned into the regular expression that docker makes of it, with all its corners (`[*]` is not what it
//! looks like), and that is run by a matcher of our own: the few forms that can occur are quick to match.

/// Go's scanner takes no longer line.
const LONGEST_LINE: usize = 64 * 1024;

/// Why an ignore file cannot be used, and the line where it shows, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternProblem {
    pub line: usize,
    pub reason: String,
}

/// The patterns of a file, each with its line, in the form in which docker hands them on.
pub fn read(text: &[u8]) -> Result<Vec<(usize, String)>, PatternProblem> {
    let mut patterns = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        if line.len() >= LONGEST_LINE {
            return Err(PatternProblem { line: number, reason: "the line is longer than docker reads".to_owned() });
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = if index == 0 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if line.starts_with(b"#") {
            continue;
        }
        let text = String::from_utf8_lossy(line);
        let text = trim(&text);
        if text.is_empty() {
            continue;
        }
        let (inverted, pattern) = match text.strip_prefix('!') {
            Some(rest) => (true, trim(rest)),
            None => (false, text),
        };
        let mut pattern = if pattern.is_empty() { String::new() } else { clean(pattern) };
        if pattern.len() > 1 && pattern.starts_with('/') {
            pattern.remove(0);
        }
        patterns.push((number, if inverted { format!("!{pattern}") } else { pattern }));
    }
    Ok(patterns)
}

/// Go's `filepath.Clean`.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None if !rooted => parts.push(".."),
                _ => {
                    parts.pop();
                }
            },
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// Go's `strings.TrimSpace`.
fn trim(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace())
}

/// How one pattern is compared.
#[derive(Clone, Debug)]
enum Form {
    Exact,
    /// Without the `**` at its end.
    Prefix(String),
    /// Without the `**` at its start.
    Suffix(String),
    Expression(Expression),
}

#[derive(Clone, Debug)]
pub struct IgnorePattern {
    /// As docker cleaned it, without `!`.
    pub text: String,
    /// `!`: what it matches is sent after all.
    pub is_exception: bool,
    form: Form,
}

/// The patterns of one build.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    pub patterns: Vec<IgnorePattern>,
    pub has_exceptions: bool,
}

/// Which patterns matched a folder: what lies in it need not be compared with these again.
pub type Matched = Vec<bool>;

impl Matcher {
    /// From patterns as [`read`] gives them.
    pub fn new(patterns: &[(usize, String)]) -> Result<Matcher, PatternProblem> {
        let mut matcher = Matcher::default();
        for (line, text) in patterns {
            let bad = |reason: String| PatternProblem { line: *line, reason };
            let text = trim(text);
            if text.is_empty() {
                continue;
            }
            let text = clean(text);
            let (is_exception, text) = match text.strip_prefix('!') {
                Some("") => return Err(bad("illegal exclusion pattern: \"!\"".to_owned())),
                Some(rest) => (true, rest.to_owned()),
                None => (false, text),
            };
            let wrong = || bad(format!("{text:?}: syntax error in pattern"));
            if !is_well_formed(&text) {
                return Err(wrong());
            }
            let form = compile(&text).ok_or_else(wrong)?;
            matcher.has_exceptions |= is_exception;
            matcher.patterns.push(IgnorePattern { text, is_exception, form });
        }
        Ok(matcher)
    }

    /// Whether a path is matched, given what matched the folder it is in; the second is for what lies in it.
    pub fn matches(&self, path: &str, parent: Option<&Matched>) -> (bool, Matched) {
        let mut matched = false;
        let mut info = vec![false; self.patterns.len()];
        for (at, pattern) in self.patterns.iter().enumerate() {
            let mut hit = parent.is_some_and(|parent| parent[at]);
            if !hit {
                // An exception has nothing to say where nothing matched, nor another pattern where something did.
                if pattern.is_exception != matched {
                    continue;
                }
                hit = pattern.matches(path);
                if !hit && parent.is_none() {
                    hit = parents(path).any(|folder| pattern.matches(folder));
                }
            }
            info[at] = hit;
            if hit {
                matched = !pattern.is_exception;
            }
        }
        (matched, info)
    }

    /// The same where nothing can lie in it.
    pub fn matches_file(&self, path: &str, parent: Option<&Matched>) -> bool {
        let Some(parent) = parent else { return self.matches(path, None).0 };
        let mut matched = false;
        for (at, pattern) in self.patterns.iter().enumerate() {
            let hit = parent[at] || pattern.is_exception == matched && pattern.matches(path);
            if hit {
                matched = !pattern.is_exception;
            }
        }
        matched
    }

    /// The same for a path of which nothing is known.
    pub fn matches_alone(&self, path: &str) -> bool {
        self.matches(path, None).0
    }

    /// Docker's older way, which it still uses for two files: of the folders above it looks at one for each pattern.
    pub fn matches_as_before(&self, path: &str) -> bool {
        let folders: Vec<&str> = parents(path).collect();
        let mut matched = false;
        for pattern in &self.patterns {
            if pattern.is_exception != matched {
                continue;
            }
            let depth = pattern.text.split('/').count();
            let above = || depth <= folders.len() && pattern.matches(folders[depth - 1]);
            if pattern.matches(path) || above() {
                matched = !pattern.is_exception;
            }
        }
        matched
    }
}

/// The folders above a path, from the top.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(move |(at, _)| &path[..at]).filter(|folder| !folder.is_empty())
}

impl IgnorePattern {
    fn matches(&self, path: &str) -> bool {
        match &self.form {
            Form::Exact => path == self.text,
            Form::Prefix(prefix) => path.starts_with(prefix.as_str()),
            // `**/foo` matches `foo`.
            Form::Suffix(suffix) => {
                path.ends_with(suffix.as_str()) || suffix.strip_prefix('/').is_some_and(|whole| path == whole)
            }
            Form::Expression(expression) => expression.matches(path),
        }
    }
}

/// What Go's `filepath.Match` says of a pattern's syntax when it is compared with `.`, as docker does to check it. What
/// stands behind the first part that does not fit is not looked at.
fn is_well_formed(pattern: &str) -> bool {
    let mut name = ".";
    let mut rest = pattern;
    while !rest.is_empty() {
        let chunk = rest.trim_start_matches('*');
        let star = chunk.len() < rest.len();
        // A chunk ends at a star outside of brackets.
        let (mut in_range, mut end, mut escaped) = (false, chunk.len(), false);
        for (at, letter) in chunk.char_indices() {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' => in_range = true,
                ']' => in_range = false,
                '*' if !in_range => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let (chunk, after) = chunk.split_at(end);
        rest = after;
        if star && chunk.is_empty() {
            return true;
        }
        match fits(chunk, name) {
            None => return false,
            Some(Some(left)) if left.is_empty() || !rest.is_empty() => {
                name = left;
                continue;
            }
            Some(_) => {}
        }
        // The star takes the whole name, which is one letter at most.
        if star && !name.is_empty() {
            match fits(chunk, "") {
                None => return false,
                Some(Some(_)) => {
                    name = "";
                    continue;
                }
                Some(None) => {}
            }
        }
        return true;
    }
    true
}

/// Compares a chunk with the start of a name of one letter at most: what is left of the name, nothing where it does not
/// fit, and None where the chunk is not well formed.
fn fits<'a>(chunk: &str, name: &'a str) -> Option<Option<&'a str>> {
    let mut letters = chunk.chars().peekable();
    let mut left = Some(name);
    let take = |left: &mut Option<&'a str>, fits: &dyn Fn(char) -> bool| {
        *left = left.and_then(|name| {
            name.chars().next().filter(|letter| fits(*letter)).map(|letter| &name[letter.len_utf8()..])
        });
    };
    while let Some(letter) = letters.next() {
        match letter {
            '[' => {
                let negated = letters.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || letters.next_if_eq(&']').is_none() {
                    let low = bound(&mut letters)?;
                    let high = if letters.next_if_eq(&'-').is_some() { bound(&mut letters)? } else { low };
                    ranges.push((low, high));
                }
                let within = |letter| ranges.iter().any(|(low, high)| *low <= letter && letter <= *high);
                take(&mut left, &|letter| within(letter) != negated);
            }
            '?' => take(&mut left, &|letter| letter != '/'),
            '\\' => {
                let next = letters.next()?;
                take(&mut left, &|letter| letter == next);
            }
            other => take(&mut left, &|letter| letter == other),
        }
    }
    Some(left)
}

/// One end of a range in brackets; something has to follow it.
fn bound(letters: &mut std::iter::Peekable<std::str::Chars>) -> Option<char> {
    let letter = match letters.next()? {
        '-' | ']' => return None,
        '\\' => letters.next()?,
        letter => letter,
    };
    letters.peek().map(|_| letter)
}

/// Docker's way from a pattern to how it is compared. None for an expression that Go would not take.
fn compile(pattern: &str) -> Option<Form> {
    let mut expression = String::from("^");
    // Which form is reached, as docker keeps count of it.
    #[derive(PartialEq)]
    enum Kind {
        Exact,
        Prefix,
        Suffix,
        Expression,
    }
    let mut kind = Kind::Exact;
    let mut letters = pattern.chars().peekable();
    let mut is_first = true;
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.next_if_eq(&'*').is_some() => {
                // `**/` is `**`.
                letters.next_if_eq(&'/');
                if letters.peek().is_none() {
                    if kind == Kind::Exact {
                        kind = Kind::Prefix;
                    } else {
                        expression.push_str(".*");
                        kind = Kind::Expression;
                    }
                } else {
                    expression.push_str("(.*/)?");
                    kind = Kind::Expression;
                }
                if is_first {
                    kind = Kind::Suffix;
                }
            }
            '*' => {
                expression.push_str("[^/]*");
                kind = Kind::Expression;
            }
            '?' => {
                expression.push_str("[^/]");
                kind = Kind::Expression;
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => {
                expression.push('\\');
                expression.push(letter);
            }
            '\\' => {
                expression.push('\\');
                if let Some(next) = letters.next() {
                    expression.push(next);
                    kind = Kind::Expression;
                }
            }
            '[' | ']' => {
                expression.push(letter);
                kind = Kind::Expression;
            }
            _ => expression.push(letter),
        }
        is_first = false;
    }
    Some(match kind {
        Kind::Exact => Form::Exact,
        Kind::Prefix => Form::Prefix(pattern[..pattern.len() - 2].to_owned()),
        Kind::Suffix => Form::Suffix(pattern[2..].to_owned()),
        Kind::Expression => Form::Expression(Expression::parse(&expression)?),
    })
}

/// The part of Go's regular expressions that can come of a pattern.
#[derive(Clone, Debug)]
struct Expression {
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
    fn parse(text: &str) -> Option<Expression> {
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

    fn matches(&self, text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(patterns: &str, path: &str) -> bool {
        Matcher::new(&read(patterns.as_bytes()).unwrap()).unwrap().matches_alone(path)
    }

    #[test]
    fn what_docker_documents() {
        for (patterns, path, expected) in [
            ("*/temp*", "somedir/temporary.txt", true),
            ("*/temp*", "a/b/temporary.txt", false),
            ("*/*/temp*", "a/b/temporary.txt", true),
            ("temp?", "tempa", true),
            ("temp?", "temp", false),
            ("**/*.go", "a.go", true),
            ("**/*.go", "a/b/c.go", true),
            ("**", "anything/at/all", true),
            ("/foo/", "foo/bar", true),
            ("*.md\n!README.md", "README.md", false),
            ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true),
            ("# no\n\n  a  ", "a", true),
            (" #a", "#a", true),
            ("\u{feff}a", "a", true),
            ("a\r\nb", "a", true),
            ("A", "a", false),
            ("foo/../bar", "bar", true),
            ("node_modules", "x/node_modules", false),
            ("**/node_modules", "x/node_modules/y", true),
            ("a[0-9]", "a5", true),
            ("a[^0-9]", "a5", false),
            ("a[!0-9]", "a!", true),
            ("[*]", "^]", true),
            ("[*]", "x]", false),
            ("\\d", "5", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("**/.env*", ".env.local", true),
            ("docs/**", "docs/a/b", true),
            ("docs/**", "docs", false),
            ("a**b", "a/x/b", true),
            ("a**b", "axx/b", true),
        ] {
            assert_eq!(ignored(patterns, path), expected, "{patterns:?} {path}");
        }
    }

    #[test]
    fn what_docker_refuses() {
        for (text, line) in [("a\n[", 2), ("!", 1), ("[]a]", 1), ("[a-]", 1), ("\n\na\\", 3), ("!/", 1)] {
            let problem = Matcher::new(&read(text.as_bytes()).unwrap()).unwrap_err();
            assert_eq!(problem.line, line, "{text:?}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = format!("{}b", "a*".repeat(30));
        assert!(!ignored(&pattern, &"a".repeat(200)));
        let pattern = format!("{}b", "**/x/".repeat(20));
        assert!(!ignored(&pattern, &"x/".repeat(200)));
    }
}
