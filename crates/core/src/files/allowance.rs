//! Exceptions: comments in a file that allow a rule at one place, with a reason.

use super::text::Place;

/// `# fender: allow RULE[, RULE] because …`: the rules, and whether there is a reason.
pub fn allowance(line: &str) -> Option<(Vec<&str>, bool)> {
    let rest =
        line.trim().strip_prefix('#')?.trim_start().strip_prefix("fender:")?.trim_start().strip_prefix("allow")?;
    let (ids, reason) = rest.split_once(" because").map_or((rest, ""), |(ids, reason)| (ids, reason));
    let ids = ids.split([',', ' ']).map(str::trim).filter(|id| !id.is_empty()).collect();
    Some((ids, !reason.trim().trim_matches([':', '…', '.']).is_empty()))
}

/// Whether the lines of comment above a place allow a rule there.
pub fn is_allowed(place: &Place, id: &str) -> bool {
    let (line, _) = place.start();
    let above =
        (1..line).rev().map(|number| place.text.line(number)).take_while(|line| line.trim_start().starts_with('#'));
    above.filter_map(allowance).any(|(ids, reasoned)| reasoned && ids.contains(&id))
}
