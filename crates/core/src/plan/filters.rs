//! The filters of a prune, as the engine applies them: moby `daemon/prune.go`, `api/types/time/timestamp.go`,
//! `api/types/filters` and, for containerd's image store, `daemon/containerd/image_list.go`.

use serde_json::Value;

use super::inventory::{ObjectLabels, seconds};
use crate::grammar::values;

/// `{"label":{"a=b":true}}`, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters(Vec<(String, String)>);

impl Filters {
    /// From the text that the client sends; older clients send lists.
    pub fn parse(text: Option<&str>) -> Filters {
        let parsed: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let mut pairs = Vec::new();
        for (name, values) in parsed.as_object().into_iter().flatten() {
            match values {
                Value::Object(map) => pairs.extend(map.keys().map(|value| (name.clone(), value.clone()))),
                Value::Array(list) => {
                    pairs.extend(list.iter().filter_map(Value::as_str).map(|value| (name.clone(), value.to_owned())));
                }
                _ => {}
            }
        }
        Filters(pairs)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of one key.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is a value for this key.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// A name that the engine does not know here: it refuses the whole prune.
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).find(|name| !known.contains(name))
    }

    /// Whether a key's value is true; `default` where it is not there.
    pub fn is_on(&self, name: &str, default: bool) -> bool {
        self.all(name).next().map_or(default, |value| values::bool(value).unwrap_or(default))
    }

    /// The moment before which things were made, in seconds since 1970; an error where the engine would refuse it.
    pub fn until(&self, now: i64) -> Result<Option<f64>, String> {
        let mut values = self.all("until").chain(self.all("unused-for"));
        let Some(first) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err("more than one until filter specified".to_owned());
        }
        moment(first, now).map(Some).ok_or_else(|| format!("failed to parse value as time or duration: {first:?}"))
    }

    /// `label` all there, and not all of `label!`.
    pub fn fit(&self, labels: &ObjectLabels) -> bool {
        let matches = |name: &'static str| !labels.is_empty() && self.all(name).all(|filter| has_label(labels, filter));
        (!self.has("label") || matches("label")) && !(self.has("label!") && matches("label!"))
    }

    /// The same as containerd's image store does it: each alone, and a value that should differ has to be there.
    pub fn fit_in_containerd(&self, labels: &ObjectLabels) -> bool {
        let typed = self.all("label").map(|text| (text, false)).chain(self.all("label!").map(|text| (text, true)));
        for (text, mut negated) in typed {
            let (key, value) = match text.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (text, None),
            };
            let key = match key.strip_suffix('!') {
                Some(key) => {
                    negated = !negated;
                    key
                }
                None => key,
            };
            let fits = match (labels.get(key), value) {
                (there, None) => there.is_some() != negated,
                (None, Some(_)) => false,
                (Some(there), Some(value)) => (there == value) != negated,
            };
            if !fits {
                return false;
            }
        }
        true
    }
}

fn has_label(labels: &ObjectLabels, filter: &str) -> bool {
    match filter.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|there| there == value),
        None => labels.contains_key(filter),
    }
}

/// `24h`, `2026-11-24T10:00`, `1764000000`, `1764000000.5`: seconds since 1970. A time without a zone is taken for UTC,
/// which is what engines run in.
fn moment(text: &str, now: i64) -> Option<f64> {
    if text != "0"
        && let Ok(nanoseconds) = values::duration(text)
    {
        return Some(now as f64 - nanoseconds as f64 / 1e9);
    }
    if let Ok(number) = text.parse::<f64>() {
        return Some(number);
    }
    let zoned = text.contains(['z', 'Z', '+']) || text.matches('-').count() == 3;
    let (plain, zone) = match zoned {
        false => (text, "Z"),
        true => text.split_at(text.rfind(['z', 'Z', '+', '-'])?),
    };
    let filled = match plain.len() {
        10 => format!("{plain}T00:00:00"),
        13 => format!("{plain}:00:00"),
        16 => format!("{plain}:00"),
        _ => plain.to_owned(),
    };
    seconds(&format!("{filled}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> ObjectLabels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn filters(text: &str) -> Filters {
        Filters::parse(Some(text))
    }

    #[test]
    fn labels_fit_as_in_the_engine() {
        let some = labels(&[("a", "1"), ("b", "2")]);
        assert!(filters(r#"{"label":{"a":true,"b=2":true}}"#).fit(&some));
        assert!(!filters(r#"{"label":{"a=2":true}}"#).fit(&some));
        assert!(!filters(r#"{"label!":{"a":true}}"#).fit(&some));
        // Only where all of them are there does `label!` keep a thing.
        assert!(filters(r#"{"label!":{"a":true,"c":true}}"#).fit(&some));
        assert!(filters(r#"{"label!":{"a":true}}"#).fit(&labels(&[])));
        assert!(!filters(r#"{"label!":{"a=1":true}}"#).fit_in_containerd(&labels(&[])));
        assert!(filters(r#"{"label!":{"a":true}}"#).fit_in_containerd(&labels(&[])));
        assert!(!filters(r#"{"label!":{"a":true,"c":true}}"#).fit_in_containerd(&some));
    }

    #[test]
    fn moments() {
        assert_eq!(moment("1h", 7200), Some(3600.0));
        assert_eq!(moment("0", 7200), Some(0.0));
        assert_eq!(moment("1.5", 7200), Some(1.5));
        assert_eq!(moment("1970-01-02", 0), Some(86_400.0));
        assert_eq!(moment("1970-01-01T01", 0), Some(3600.0));
        assert_eq!(moment("1970-01-01T01:00+01:00", 0), Some(0.0));
        assert_eq!(moment("1970-01-01T01:00:00.5Z", 0), Some(3600.5));
        assert_eq!(moment("soon", 0), None);
        assert!(filters(r#"{"until":{"1h":true,"2h":true}}"#).until(0).is_err());
    }
}
