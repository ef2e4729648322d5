//! Where a part of an effect comes from.

/// Where a part of an effect comes from: positions of words, and from [`PLACES`] on of [`Lowered::places`].
pub type Words = Vec<usize>;

/// No command line has so many words.
pub const PLACES: usize = 1 << 31;
