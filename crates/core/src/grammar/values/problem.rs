//! Why docker does not take a value.

/// Why docker does not take a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueProblem {
    /// docker's own message.
    pub text: String,
    /// A key that this version of the tables does not have: a newer docker may.
    pub unknown: bool,
}

impl From<String> for ValueProblem {
    fn from(text: String) -> ValueProblem {
        ValueProblem { text, unknown: false }
    }
}

impl From<&str> for ValueProblem {
    fn from(text: &str) -> ValueProblem {
        text.to_owned().into()
    }
}
