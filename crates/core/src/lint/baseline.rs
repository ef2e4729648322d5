//! A baseline: the findings that a repository had when it began to use lint, one a line, so that only new ones are reported. Pure.
//!
//! Each line has a rule, a fingerprint and a path. They are sorted by path, so that a difference between two versions shows what is new and
//! what is gone. A file that is not exactly this is refused with its place: a damaged baseline must not make a report empty.

use std::collections::BTreeSet;

use super::Reported;
use crate::files::text::{FileProblem, Text};

/// The first line of every baseline.
const FIRST: &str = "# fender baseline 1";

/// The lines behind it.
const EXPLAINED: &str = "\
# Findings that fender lint --baseline does not report. To write it again: fender lint --baseline FILE --write-baseline
";

/// One known finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaselineEntry {
    /// Its file, from the repository's root.
    pub path: String,
    /// Its rule's id.
    pub rule: String,
    /// Its fingerprint.
    pub fingerprint: String,
}

impl From<&Reported> for BaselineEntry {
    fn from(reported: &Reported) -> BaselineEntry {
        BaselineEntry {
            path: reported.path.clone(),
            rule: reported.finding.rule.id.to_owned(),
            fingerprint: reported.fingerprint.clone(),
        }
    }
}

/// All known findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Sorted by path, rule and fingerprint.
    pub entries: BTreeSet<BaselineEntry>,
}

impl Baseline {
    /// Reads a file's bytes. Errors have the line and column of the first thing that no baseline has.
    pub fn read(path: &str, bytes: Vec<u8>) -> Result<Baseline, FileProblem> {
        let text = Text::from_bytes(path, bytes)?;
        let problem =
            |line: usize, column: usize, reason: String| FileProblem { path: path.to_owned(), line, column, reason };
        if text.line(1) != FIRST {
            let reason = match text.line(1).strip_prefix("# fender baseline ") {
                Some(version) => format!("this baseline has version {version:?}, and this fender reads version 1"),
                None => format!("this is not a baseline: the first line is not {FIRST:?}"),
            };
            return Err(problem(1, 1, reason));
        }
        let mut baseline = Baseline::default();
        for number in 2..=text.line_count() {
            let line = text.line(number);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut parts = line.splitn(3, ' ');
            let (rule, fingerprint) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let is_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if rule.is_empty() || !rule.bytes().all(is_id) {
                return Err(problem(number, 1, "this is not a rule's id".to_owned()));
            }
            let column = rule.len() + 2;
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            if fingerprint.len() != 32 || !fingerprint.bytes().all(is_digit) {
                return Err(problem(number, column, "this is not a fingerprint of 32 digits".to_owned()));
            }
            let path = parts.next().and_then(unescaped).filter(|path| !path.is_empty());
            let Some(path) = path else {
                return Err(problem(number, column + 33, "there is no path here".to_owned()));
            };
            baseline.entries.insert(BaselineEntry { path, rule: rule.to_owned(), fingerprint: fingerprint.to_owned() });
        }
        // The last line of a file that was cut off could be a shorter path.
        if !text.text.ends_with('\n') {
            let (line, column) = text.position(text.text.len());
            return Err(problem(line, column, "the file ends within a line".to_owned()));
        }
        Ok(baseline)
    }

    /// The whole file.
    pub fn text(&self) -> String {
        let line = |it: &BaselineEntry| format!("{} {} {}\n", it.rule, it.fingerprint, escaped(&it.path));
        format!("{FIRST}\n{EXPLAINED}{}", self.entries.iter().map(line).collect::<String>())
    }

    /// Whether a finding is known.
    pub fn has(&self, reported: &Reported) -> bool {
        self.entries.contains(&BaselineEntry::from(reported))
    }

    /// Known findings that are not there any more, of those that were looked for.
    pub fn stale<'a>(
        &'a self,
        findings: &[Reported],
        was_looked_for: impl Fn(&BaselineEntry) -> bool + 'a,
    ) -> impl Iterator<Item = &'a BaselineEntry> {
        let found: BTreeSet<BaselineEntry> = findings.iter().map(BaselineEntry::from).collect();
        self.entries.iter().filter(move |entry| was_looked_for(entry) && !found.contains(*entry))
    }
}

/// A path on one line: control characters and percent signs as `%0A`.
fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter == '%' || letter.is_ascii_control() {
            out.push_str(&format!("%{:02X}", u32::from(letter)));
        } else {
            out.push(letter);
        }
    }
    out
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = (part.get(..2)?, part.get(2..)?);
        out.push(char::from(u8::from_str_radix(digits, 16).ok()?));
        out.push_str(rest);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, rule: &str, digit: char) -> BaselineEntry {
        let fingerprint = digit.to_string().repeat(32);
        BaselineEntry { path: path.to_owned(), rule: rule.to_owned(), fingerprint }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let entries = ["Dockerfile", "a b/c d", "a%20\nb\u{7f}", "ä/é", " x ", "/abs/x"];
        let entries =
            entries.iter().zip("012345".chars()).map(|(path, digit)| entry(path, "root-user", digit)).collect();
        let baseline = Baseline { entries };
        let text = baseline.text();
        assert_eq!(text.lines().count(), 2 + 6);
        assert_eq!(Baseline::read("b", text.clone().into_bytes()), Ok(baseline.clone()));
        assert_eq!(Baseline::read("b", text.replace('\n', "\r\n").into_bytes()), Ok(baseline));
    }

    /// Whatever is cut out of a baseline or put into it, it never knows more than before.
    #[test]
    fn a_damaged_one_is_refused_with_its_place() {
        let baseline = Baseline { entries: [entry("a/Dockerfile", "root-user", '1')].into() };
        let text = baseline.text();
        let start = text.len() - "root-user ".len() - 33 - "a/Dockerfile\n".len();
        for cut in 0..text.len() {
            match Baseline::read("b", text.as_bytes()[..cut].to_vec()) {
                Ok(read) => assert!(read.entries.is_empty() && cut <= start, "{cut}"),
                Err(problem) => assert!(problem.line <= 3, "{problem}"),
            }
        }
        let line = |text: &str| format!("{FIRST}\n{text}\n");
        let print = "1".repeat(32);
        for (text, said) in [
            (String::new(), "b:1:1: this is not a baseline"),
            ("FROM alpine\n".to_owned(), "b:1:1: this is not a baseline"),
            ("# fender baseline 2\n".to_owned(), "b:1:1: this baseline has version \"2\""),
            (line("<<<<<<< HEAD"), "b:2:1: this is not a rule's id"),
            (line("======="), "b:2:1: this is not a rule's id"),
            (line("*"), "b:2:1: this is not a rule's id"),
            (line("root-user"), "b:2:11: this is not a fingerprint"),
            (line("root-user 123 a"), "b:2:11: this is not a fingerprint"),
            (line(&format!("root-user {} a", print.replace('1', "G"))), "b:2:11: this is not a fingerprint"),
            (line(&format!("root-user {print}")), "b:2:44: there is no path"),
            (line(&format!("root-user {print} a%z")), "b:2:44: there is no path"),
        ] {
            let problem = Baseline::read("b", text.clone().into_bytes()).unwrap_err().to_string();
            assert!(problem.starts_with(said), "{text:?}: {problem}");
        }
        assert!(
            Baseline::read("b", b"# fender baseline 1\n\xff".to_vec()).unwrap_err().to_string().starts_with("b:2:1")
        );
    }
}
