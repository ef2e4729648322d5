//! Exceptions: comments in a file that allow a rule at one place, with a reason.

use std::collections::HashMap;

/// `# fender: allow RULE[, RULE] because …`: the rules, and whether there is a reason.
pub fn allowance(line: &str) -> Option<(Vec<&str>, bool)> {
    let rest =
        line.trim().strip_prefix('#')?.trim_start().strip_prefix("fender:")?.trim_start().strip_prefix("allow")?;
    let (ids, reason) = rest.split_once(" because").map_or((rest, ""), |(ids, reason)| (ids, reason));
    let ids = ids.split([',', ' ']).map(str::trim).filter(|id| !id.is_empty()).collect();
    Some((ids, !reason.trim().trim_matches([':', '…', '.']).is_empty()))
}

/// What the comments of a text allow, read once for all findings in it.
#[derive(Debug, Default)]
pub struct Allowances {
    /// The lines that allow a rule with a reason, in their order.
    lines: HashMap<String, Vec<usize>>,
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
            let Some((ids, true)) = allowance(line) else { continue };
            for id in ids {
                let lines = all.lines.entry(id.to_owned()).or_default();
                if lines.last() != Some(&number) {
                    lines.push(number);
                }
            }
        }
        all
    }

    /// Whether the comment directly above a line allows a rule.
    pub fn allow(&self, id: &str, line: usize) -> bool {
        let (Some(lines), Some(first)) = (self.lines.get(id), self.first_above.get(line.saturating_sub(1))) else {
            return false;
        };
        lines.get(lines.partition_point(|known| known < first)).is_some_and(|known| *known < line)
    }
}
