//! The JSON body of a request, as the engine's Go reads it into its types: names of fields match without case, unknown ones are passed
//! over, `null` is nothing, and a list of texts may be a single text (`strslice`).
//!
//! A field that is there twice is not guessed at: Go merges some of them and replaces others.

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::go_json::{Raw, first_value, names_field};

/// The body as one of the Engine API's types. An error says what is not understood.
pub fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let value = first_value(body).map_err(|error| format!("its body is not JSON from byte {} on", error.at))?;
    let value = value.ok_or("its body is empty")?;
    T::deserialize(GoValue(value)).map_err(|error| format!("its body is not understood: {error}"))
}

/// A value of the body that fills itself into a type.
struct GoValue<'a>(Raw<'a>);

impl<'a> IntoDeserializer<'a> for GoValue<'a> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'a> GoValue<'a> {
    fn list<V: Visitor<'a>>(items: Vec<Raw<'a>>, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(GoValue)))
    }
}

impl<'a> Deserializer<'a> for GoValue<'a> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = self.0;
        if value.is_null() {
            return visitor.visit_unit();
        }
        if let Some(value) = value.bool() {
            return visitor.visit_bool(value);
        }
        if let Some(text) = value.text() {
            return visitor.visit_string(text);
        }
        if let Some(items) = value.items() {
            return GoValue::list(items, visitor);
        }
        if let Some(members) = value.members() {
            let members = members.into_iter().map(|(key, value)| (key, GoValue(value)));
            return visitor.visit_map(MapDeserializer::new(members));
        }
        let number = value.number();
        if let Ok(number) = number.parse::<u64>() {
            return visitor.visit_u64(number);
        }
        match (number.parse::<i64>(), number.parse::<f64>()) {
            (Ok(number), _) => visitor.visit_i64(number),
            (_, Ok(number)) => visitor.visit_f64(number),
            _ => Err(Error::custom(format!("{number} is no number"))),
        }
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Some(members) = self.0.members() else { return self.deserialize_map(visitor) };
        let mut known: Vec<(&'static str, GoValue)> = Vec::new();
        for (key, value) in members {
            let exact = fields.iter().find(|field| **field == key);
            let Some(field) = exact.or_else(|| fields.iter().find(|field| names_field(&key, field))) else { continue };
            if known.iter().any(|(other, _)| other == field) {
                return Err(Error::custom(format!("the field {field} is there twice")));
            }
            known.push((field, GoValue(value)));
        }
        visitor.visit_map(MapDeserializer::new(known.into_iter()))
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() {
            let nothing: [(String, GoValue); 0] = [];
            return visitor.visit_map(MapDeserializer::new(nothing.into_iter()));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() {
            return GoValue::list(Vec::new(), visitor);
        }
        if self.0.text().is_some() {
            return GoValue::list(vec![self.0], visitor);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_str("") } else { self.deserialize_any(visitor) }
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_bool(false) } else { self.deserialize_any(visitor) }
    }

    fn deserialize_i64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_i64(0) } else { self.deserialize_any(visitor) }
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let text = if self.0.is_null() { Some(String::new()) } else { self.0.text() };
        let text = text.ok_or_else(|| Error::custom("a text is wanted"))?;
        // Go reads any text here, and the engine refuses later what it does not know. Where the API's type has an empty value, the rest of
        // the body is judged all the same; elsewhere the body is not understood.
        let known = variants.contains(&text.as_str()) || !variants.contains(&"");
        let text = if known { text } else { String::new() };
        text.into_deserializer().deserialize_enum(name, variants, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use bollard_stubs::models::{ContainerCreateBody, Mount, RestartPolicy};

    use super::*;

    #[test]
    fn names_without_case_and_texts_for_lists() {
        let body: ContainerCreateBody =
            read_body(br#"{"image":"a","CMD":"true","hostconfig":{"PRIVILEGED":true,"unknown":[1]},"Labels":null}"#)
                .unwrap();
        assert_eq!(body.image.as_deref(), Some("a"));
        assert_eq!(body.cmd, Some(vec!["true".to_owned()]));
        assert_eq!(body.host_config.unwrap().privileged, Some(true));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for body in [
            &br#"{"Image":"a","image":"b"}"#[..],
            br#"{"HostConfig":{"Privileged":1}}"#,
            br#"{"HostConfig":[]}"#,
            b"[]",
            b"",
            b"{",
        ] {
            assert!(read_body::<ContainerCreateBody>(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_kind_that_the_api_does_not_have_hides_nothing() {
        let policy: RestartPolicy = read_body(br#"{"Name":"new-kind","MaximumRetryCount":3}"#).unwrap();
        assert_eq!(policy.maximum_retry_count, Some(3));
        let error = read_body::<Mount>(br#"{"Type":"new-kind","Source":"/"}"#).unwrap_err();
        assert!(error.contains("new-kind"), "{error}");
    }
}
