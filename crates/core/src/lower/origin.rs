//! Where a part of an effect comes from: what a finding points at, and what a fix of the arguments changes.

use crate::order::PutInOrder as _;
use std::ops::Range;
use std::rc::Rc;

use crate::files::text::Place;
use crate::grammar::parse::Set;

/// Where a part of an effect comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// An argument of the command line.
    Arg {
        /// Its position, counted from 0 behind `docker`.
        position: usize,
        /// The bytes that say it, where the argument is not it as a whole: those of the value in `--name=value`.
        bytes: Option<Range<usize>>,
    },
    /// A place in a file that the command names.
    File(Place),
    /// A place in the body of a request, as a JSON pointer such as `/HostConfig/Binds/0`; empty for the request as a whole.
    Request(Rc<str>),
}

/// Everything that says one part of an effect.
pub type Origins = Vec<Origin>;

impl Origin {
    /// The position of an argument; None for anything else.
    pub fn position(&self) -> Option<usize> {
        match self {
            Origin::Arg { position, .. } => Some(*position),
            Origin::File(_) | Origin::Request(_) => None,
        }
    }

    /// The place in a file; None for anything else.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Origin::File(place) => Some(place),
            Origin::Arg { .. } | Origin::Request(_) => None,
        }
    }

    /// Arguments come first, in the order typed, then files, then requests.
    fn key(&self) -> (usize, &str, usize) {
        match self {
            Origin::Arg { position, bytes } => (0, "", position.saturating_mul(2) + usize::from(bytes.is_some())),
            Origin::File(place) => (1, place.path(), place.span.start),
            Origin::Request(pointer) => (2, pointer, 0),
        }
    }
}

/// In order, each once. Of an argument and a part of it only one stays.
pub fn in_order(mut origins: Origins) -> Origins {
    origins.put_in_order_by(|one, other| one.key().cmp(&other.key()));
    origins.dedup_by(|later, earlier| {
        later == earlier || later.position().is_some_and(|_| later.position() == earlier.position())
    });
    origins
}

/// Positions of arguments, in the order of the origins.
pub fn positions(origins: &[Origin]) -> Vec<usize> {
    origins.iter().filter_map(Origin::position).collect()
}

/// What was typed, as an origin.
pub trait Typed {
    /// What a finding points at, and a fix changes.
    fn origins(&self) -> Origins;
}

impl Typed for Set {
    /// The flag, and the value's bytes where one was typed.
    fn origins(&self) -> Origins {
        match self.at {
            Some((position, from)) => {
                let value = Origin::Arg { position, bytes: Some(from..from + self.value.len()) };
                if position == self.word {
                    vec![value]
                } else {
                    vec![Origin::Arg { position: self.word, bytes: None }, value]
                }
            }
            None => self.word.origins(),
        }
    }
}

impl Typed for usize {
    /// The argument at this position.
    fn origins(&self) -> Origins {
        vec![Origin::Arg { position: *self, bytes: None }]
    }
}

impl Typed for [usize] {
    /// The arguments at these positions.
    fn origins(&self) -> Origins {
        self.iter().map(|position| Origin::Arg { position: *position, bytes: None }).collect()
    }
}
