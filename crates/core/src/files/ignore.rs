//! Ignore files, read and matched as docker does: moby/patternmatcher `ignorefile.go` and `patternmatcher.go`. Pure.
//!
//! A pattern is converted to the regular expression that docker makes of it, with docker's special cases (`[*]` is not what
//! it looks like). A matcher of our own runs it, because the few forms that can occur are quick to match.

use super::expression::Expression;
use crate::text::part;

/// Go's scanner takes no longer line.
const LONGEST_LINE: usize = 64 * 1024;

/// Why an ignore file cannot be used, and the line where it shows, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternProblem {
    /// The line, counted from 1.
    pub line: usize,
    /// Why the pattern cannot be used, for a person.
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

/// The text of an ignore file with these lines at its end, where they decide.
pub fn with_lines(text: &str, lines: &[String]) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut after = text.to_owned();
    if !lines.is_empty() && !after.is_empty() && !after.ends_with('\n') {
        after.push_str(end);
    }
    for line in lines {
        after.push_str(line);
        after.push_str(end);
    }
    after
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

/// One line of an ignore file.
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
    /// The patterns in order; the last one that matches decides.
    pub patterns: Vec<IgnorePattern>,
    /// Whether a line begins with `!`.
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
        let mut info = Vec::with_capacity(self.patterns.len());
        for (at, pattern) in self.patterns.iter().enumerate() {
            let mut hit = parent.is_some_and(|parent| parent.get(at) == Some(&true));
            if !hit {
                // An exception has nothing to say where nothing matched, nor another pattern where something did.
                hit = pattern.is_exception == matched
                    && (pattern.matches(path)
                        || parent.is_none() && parents(path).any(|folder| pattern.matches(folder)));
            }
            info.push(hit);
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
            let hit = parent.get(at) == Some(&true) || pattern.is_exception == matched && pattern.matches(path);
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
            let above = || folders.get(depth - 1).is_some_and(|folder| pattern.matches(folder));
            if pattern.matches(path) || above() {
                matched = !pattern.is_exception;
            }
        }
        matched
    }
}

/// The folders above a path, from the top.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(move |(at, _)| part(path, ..at)).filter(|folder| !folder.is_empty())
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
            name.chars().next().filter(|letter| fits(*letter)).map(|letter| part(name, letter.len_utf8()..))
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
        Kind::Prefix => Form::Prefix(part(pattern, ..pattern.len() - 2).to_owned()),
        Kind::Suffix => Form::Suffix(part(pattern, 2..).to_owned()),
        Kind::Expression => Form::Expression(Expression::parse(&expression)?),
    })
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
