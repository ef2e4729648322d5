//! The values that fixes use.

/// The values that fixes use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    pub memory: String,
    pub memory_swap: String,
    pub pids_limit: i64,
    /// None for the caller's own ids.
    pub user: Option<String>,
}

impl Default for Offers {
    fn default() -> Offers {
        Offers { memory: "1g".to_owned(), memory_swap: "1g".to_owned(), pids_limit: 512, user: None }
    }
}
