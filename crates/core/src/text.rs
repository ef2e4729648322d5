//! Numbers as text. Pure.

/// A number of bytes, in the units in which docker prints sizes.
pub fn bytes(count: i64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut size, mut unit) = (count as f64, 0);
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let whole = size >= 100.0 || unit == 0 || (size * 10.0).round() % 10.0 == 0.0;
    if whole { format!("{size:.0} {}", UNITS[unit]) } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// So many names are read; more are counted.
const NAMED: usize = 8;

/// `web, db`, or eight names and `57 more`.
pub fn named<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `1 container`, `3 containers`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_counted() {
        assert_eq!(named(&["web", "db"]), "web, db");
        let names: Vec<String> = (0..65).map(|at| format!("c{at}")).collect();
        assert_eq!(named(&names), "c0, c1, c2, c3, c4, c5, c6, c7 and 57 more");
    }
}
