//! What a signal does to a container: its own program decides about most of them. Pure.

/// What a signal does to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// It ends.
    Ends,
    /// Its program decides.
    May,
    /// Nothing.
    Stays,
}

/// Why it is not certain that a container ends.
pub const ITS_PROGRAM_DECIDES: &str = "its program decides what it does with the signal";

/// Why a paused container may go on: moby `daemon/kill.go` lets it, so that it can take the signal.
pub const A_SIGNAL_WAKES: &str = "a signal lets a paused container go on";

/// What the signal of this name or number does; for what is not known its program decides.
pub fn kill(signal: &str) -> Kill {
    let upper = signal.to_uppercase();
    match upper.strip_prefix("SIG").unwrap_or(&upper) {
        "KILL" | "9" => Kill::Ends,
        "0" | "CHLD" | "17" | "CONT" | "18" | "URG" | "23" | "WINCH" | "28" => Kill::Stays,
        _ => Kill::May,
    }
}
