//! `[[allow]]` as it stands in a policy file.

use serde::Deserialize;
use toml::Spanned;
use toml::value::{Date, Datetime};

use super::names::{Globs, RuleId};
use crate::rules::rule;

/// One `[[allow]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionFile {
    /// The rule whose findings are allowed.
    pub rule: RuleId,
    /// Images, by name and tag, by digest (`name@sha256:…`) or by id (`sha256:…`).
    #[serde(default)]
    pub image: Globs,
    /// Names of containers.
    #[serde(default)]
    pub container: Globs,
    /// Services of a compose project or a swarm.
    #[serde(default)]
    pub service: Globs,
    /// Compose projects.
    #[serde(default)]
    pub project: Globs,
    /// Paths of the host that are mounted, read or written.
    #[serde(default)]
    pub source: Globs,
    /// Names of volumes.
    #[serde(default)]
    pub volume: Globs,
    /// docker's commands: `compose up`, `run`.
    #[serde(default)]
    pub command: Globs,
    /// Names of users.
    #[serde(default)]
    pub user: Globs,
    /// Names of the caller's groups.
    #[serde(default)]
    pub group: Globs,
    /// Names of environments.
    #[serde(default)]
    pub environment: Globs,
    /// Ids of engines.
    #[serde(default)]
    pub engine: Globs,
    /// Why, in the words of whoever wrote it.
    pub reason: Spanned<String>,
    /// The last day on which it holds, in UTC.
    pub until: Option<Spanned<Datetime>>,
}

impl ExceptionFile {
    /// What is wrong with it, and the byte at which that stands; `at` is where it begins.
    pub(super) fn problem(&self, at: usize) -> Option<(usize, String)> {
        let named = [
            &self.image,
            &self.container,
            &self.service,
            &self.project,
            &self.source,
            &self.volume,
            &self.command,
            &self.user,
            &self.group,
            &self.environment,
            &self.engine,
        ];
        let rule = self.rule.name();
        if named.iter().all(|globs| globs.is_empty()) {
            let reason = format!(
                "an exception for {rule} has to say for what: image, container, service, project, source, volume, command, user, group, \
                 environment or engine"
            );
            return Some((at, reason));
        }
        if let Some(fixed) = self::rule(rule).and_then(super::preset::always) {
            return Some((at, format!("no exception changes {rule}: its action is always {fixed}")));
        }
        if named.iter().any(|globs| globs.0.iter().any(String::is_empty)) {
            return Some((at, format!("an exception for {rule} has an empty pattern, which fits nothing")));
        }
        let is_path = |glob: &String| glob.starts_with(['/', '*', '?']);
        if let Some(path) = self.source.0.iter().find(|glob| !is_path(glob)) {
            return Some((at, format!("source = {path:?} is not an absolute path")));
        }
        if self.reason.get_ref().trim().is_empty() {
            return Some((self.reason.span().start, "an exception needs a reason".to_owned()));
        }
        let until = self.until.as_ref()?;
        let is_day = matches!(until.get_ref(), Datetime { date: Some(_), time: None, offset: None });
        (!is_day).then(|| (until.span().start, "until is a day, such as 2027-01-31".to_owned()))
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
pub(super) fn day(date: Date) -> i64 {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    // The year begins in March, so that the day of a leap year is its last.
    let year = i64::from(date.year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970-01-01: `2026-11-27`.
pub fn date_of(day: i64) -> String {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let (of_month, month) = (of_year - (153 * from_march + 2) / 5 + 1, (from_march + 2) % 12 + 1);
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (date, days) in [
            ((1970, 1, 1), 0),
            ((1970, 3, 1), 59),
            ((1972, 2, 29), 789),
            ((2000, 2, 29), 11_016),
            ((2026, 11, 27), 20_784),
            ((2100, 3, 1), 47_541),
        ] {
            let (year, month, of_month) = date;
            assert_eq!(day(Date { year, month, day: of_month }), days, "{date:?}");
            assert_eq!(date_of(days), format!("{year}-{month:02}-{of_month:02}"));
        }
    }
}
