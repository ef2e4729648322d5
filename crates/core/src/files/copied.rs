//! What `COPY` and `ADD` take: URLs, archives, and paths of the context. Pure.

use super::expansion::as_patterns;
use super::ignore::clean;

/// A URL or a repository, as `ADD` takes it.
pub fn is_remote(source: &str) -> bool {
    ["http://", "https://", "ftp://", "git://", "ssh://", "git@"].iter().any(|start| source.starts_with(start))
}

/// A tar, by its name: `ADD` unpacks it.
pub fn is_archive(source: &str) -> bool {
    let lower = source.to_lowercase();
    let ends = [
        ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".gz", ".bz2",
        ".xz", ".zst",
    ];
    ends.iter().any(|end| lower.ends_with(end))
}

/// The patterns of paths in a context; None where they may be all of it.
pub fn copied_patterns<'a>(paths: impl Iterator<Item = &'a str>, escape: char) -> Option<Vec<String>> {
    let paths =
        paths.flat_map(|path| if path.contains('$') { as_patterns(path, escape) } else { vec![path.to_owned()] });
    let patterns: Vec<String> =
        paths.map(|path| clean(&format!("/{path}")).trim_start_matches('/').to_owned()).collect();
    // A path that is nothing but a variable may be any folder, and the context itself.
    let whole = patterns.iter().any(|pattern| pattern.is_empty() || pattern == "*");
    (!whole).then_some(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_one_element_of_a_path() {
        for (source, expected) in [
            ("dist/$TARGETPLATFORM/app", Some(&["dist/*/*/app", "dist/*/*/*/app"][..])),
            ("target/$JAR", Some(&["target/*"][..])),
            ("\"target/${JAR}.jar\"", Some(&["target/*.jar"][..])),
            ("bin/app-${TARGETARCH}$TARGETVARIANT", Some(&["bin/app-*"][..])),
            ("${A:-${B}}/x", Some(&["*/x"][..])),
            ("$A/$B", Some(&["*/*"][..])),
            ("'a$b'", Some(&["a$b"][..])),
            ("$A", None),
            ("./${A}/", None),
            (".", None),
        ] {
            let found = copied_patterns([source].into_iter(), '\\');
            let expected = expected.map(|list| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            assert_eq!(found, expected, "{source}");
        }
    }
}
