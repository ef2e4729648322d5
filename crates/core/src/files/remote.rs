//! What `ADD` does not simply copy, by its name. Pure.

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
