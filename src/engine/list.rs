//! Lists in an engine's answers, with a limit on the number of entries.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// More objects of one kind than any engine holds.
const MOST: usize = 200_000;

/// A list of at most 200,000 objects.
#[derive(Debug)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<List<T>, D::Error> {
        struct Bounded<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
            type Value = List<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = sequence.next_element()? {
                    if list.len() == MOST {
                        return Err(A::Error::custom(format!("more than {MOST} entries")));
                    }
                    list.push(entry);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_seq(Bounded(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_an_end() {
        let text = format!("[{}1]", "1,".repeat(MOST));
        assert!(serde_json::from_str::<List<u8>>(&text).unwrap_err().to_string().contains("more than"));
        assert_eq!(serde_json::from_str::<List<u8>>("[1,2]").unwrap().0, [1, 2]);
        assert!(serde_json::from_str::<List<u8>>("{\"a\":1}").is_err());
        assert!(serde_json::from_str::<List<u8>>("null").is_err());
    }
}
