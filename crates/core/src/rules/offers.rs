//! The values that fixes use.

/// The values that fixes use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    /// For `--memory`, as docker reads it.
    pub memory: String,
    /// For `--memory-swap`, as docker reads it.
    pub memory_swap: String,
    /// For `--pids-limit`.
    pub pids_limit: i64,
    /// None for the caller's own ids.
    pub user: Option<String>,
}

impl Default for Offers {
    fn default() -> Offers {
        Offers { memory: "1g".to_owned(), memory_swap: "1g".to_owned(), pids_limit: 512, user: None }
    }
}
