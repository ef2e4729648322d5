//! Exceptions: comments in a file that allow a rule at one place, with a reason.

use std::collections::{HashMap, HashSet};

/// `# fender: allow RULE[, RULE] because …`: the rules, and whether there is a reason.
pub fn allowance(line: &str) -> Option<(Vec<&str>, bool)> {
    let rest =
        line.trim().strip_prefix('#')?.trim_start().strip_prefix("fender:")?.trim_start().strip_prefix("allow")?;
    let (ids, reason) = rest.split_once(" because").map_or((rest, ""), |(ids, reason)| (ids, reason));
    let ids = ids.split([',', ' ']).map(str::trim).filter(|id| !id.is_empty()).collect();
    Some((ids, !reason.trim().trim_matches([':', '…', '.']).is_empty()))
}

/// `# hadolint ignore=DL3006,DL3008` or `# hadolint global ignore=…`: hadolint's rules, and whether it is about the whole file. Hadolint takes
/// blanks around the sign and commas, and a reason behind the rules.
pub fn hadolint_ignore(line: &str) -> Option<(Vec<&str>, bool)> {
    let rest = line.trim().strip_prefix('#')?.trim_start().strip_prefix("hadolint")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (rest, is_global) = rest.strip_prefix("global").map_or((rest, false), |rest| (rest.trim_start(), true));
    let list = rest.strip_prefix("ignore")?.trim_start().strip_prefix('=')?.trim_start();
    let mut codes = Vec::new();
    for part in list.split(',') {
        let mut words = part.split_whitespace();
        codes.extend(words.next());
        // What follows a rule without a comma is a reason.
        if words.next().is_some() {
            break;
        }
    }
    Some((codes, is_global))
}

/// What the comments of a text allow, read once for all findings in it.
#[derive(Debug, Default)]
pub struct Allowances {
    /// The lines that allow a rule with a reason, in their order.
    lines: HashMap<String, Vec<usize>>,
    /// What is allowed in the whole text.
    everywhere: HashSet<String>,
    /// For each line the first one of the comment directly above it; its own number where there is none.
    first_above: Vec<usize>,
}

impl Allowances {
    /// From all lines of a text.
    pub fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Allowances {
        let mut all = Allowances::default();
        let mut first = 1;
        for (line, number) in lines.zip(1..) {
            all.first_above.push(first);
            if !line.trim_start().starts_with('#') {
                first = number + 1;
                continue;
            }
            let ids = match (allowance(line), hadolint_ignore(line)) {
                (Some((ids, true)), _) | (None, Some((ids, false))) => ids,
                (None, Some((ids, true))) => {
                    all.everywhere.extend(ids.into_iter().map(str::to_owned));
                    continue;
                }
                _ => continue,
            };
            for id in ids {
                let lines = all.lines.entry(id.to_owned()).or_default();
                if lines.last() != Some(&number) {
                    lines.push(number);
                }
            }
        }
        all
    }

    /// Whether the comment directly above a line allows a rule, of fender or of hadolint.
    pub fn allow(&self, id: &str, line: usize) -> bool {
        if self.everywhere.contains(id) {
            return true;
        }
        let (Some(lines), Some(first)) = (self.lines.get(id), self.first_above.get(line.saturating_sub(1))) else {
            return false;
        };
        lines.get(lines.partition_point(|known| known < first)).is_some_and(|known| *known < line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hadolints_comments() {
        for (line, expected) in [
            ("# hadolint ignore=DL3006", Some((vec!["DL3006"], false))),
            ("  #hadolint   ignore = DL3006 , SC2046", Some((vec!["DL3006", "SC2046"], false))),
            ("# hadolint ignore=DL3006,DL3007 because it is ours", Some((vec!["DL3006", "DL3007"], false))),
            ("# hadolint global ignore=DL3006", Some((vec!["DL3006"], true))),
            ("# hadolint: ignore=DL3006", None),
            ("# about hadolint ignore=DL3006", None),
            ("# hadolint shell=/bin/bash", None),
            ("RUN x # hadolint ignore=DL3006", None),
        ] {
            assert_eq!(hadolint_ignore(line), expected, "{line}");
        }
    }
}
