//! The answer to one question, with "it was not answered" as a value of its own.
//!
//! A caller has to handle each outcome. On purpose there is no conversion to an `Option` or to a default, because a
//! missing answer must never look like the answer "no".

/// What became of a question to the engine, to the real client or to a file.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// This is it.
    Found(T),
    /// Who was asked says that there is no such object.
    Missing,
    /// There is nobody to ask: no socket at the endpoint, nobody listens there, or the caller wanted no engine asked
    /// (`--offline`, `lint`). Docker's client would not reach an engine either.
    NoEngine,
    /// It was asked and not answered: the reason, as the rest of a sentence.
    Unknown(String),
}

impl<T> Lookup<T> {
    /// The same outcome with another value in it.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Lookup<U> {
        match self {
            Lookup::Found(value) => Lookup::Found(change(value)),
            Lookup::Missing => Lookup::Missing,
            Lookup::NoEngine => Lookup::NoEngine,
            Lookup::Unknown(why) => Lookup::Unknown(why),
        }
    }

    /// Goes on with what was found; what was not found stays as it is.
    pub fn then<U>(self, next: impl FnOnce(T) -> Lookup<U>) -> Lookup<U> {
        match self {
            Lookup::Found(value) => next(value),
            Lookup::Missing => Lookup::Missing,
            Lookup::NoEngine => Lookup::NoEngine,
            Lookup::Unknown(why) => Lookup::Unknown(why),
        }
    }
}
