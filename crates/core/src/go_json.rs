//! JSON as Go's `encoding/json` reads it. Docker's client reads all of its files with it, and it differs from what other
//! readers do: names of fields match without case, the last of two equal names counts, maps and lists of a repeated name are
//! merged, invalid UTF-8 is replaced and not refused, a value of a wrong type is ignored, and a number is parsed
//! only if a field needs one.
//!
//! A text is checked once, without recursion. After that a [`Raw`] is a piece of it, and a [`Decoder`] fills fields from
//! pieces as Go does: Go 1.24 `encoding/json`: `scanner.go`, `decode.go`, `stream.go`, `fold.go`.

use std::collections::BTreeMap;

/// The deepest nesting that Go reads: `scanner.go`, `maxNestingDepth`.
const DEEPEST: usize = 10_000;

/// The text is not JSON, from this byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte of the text, counted from 0.
    pub at: usize,
}

/// One value whose text was checked, without blanks around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(&'a [u8]);

/// The first value of a text, as `Decoder.Decode` reads it: what follows is not looked at. None where there are only blanks.
pub fn first_value(text: &[u8]) -> Result<Option<Raw<'_>>, SyntaxError> {
    let start = after_blanks(text, 0);
    if start == text.len() {
        return Ok(None);
    }
    let end = end_of_value(text, start)?;
    piece(text, start, end).map(Some)
}

/// The one value of a text, as `Unmarshal` reads it: anything after it is an error.
pub fn whole_value(text: &[u8]) -> Result<Raw<'_>, SyntaxError> {
    let start = after_blanks(text, 0);
    let end = end_of_value(text, start)?;
    match after_blanks(text, end) {
        at if at == text.len() => piece(text, start, end),
        at => Err(SyntaxError { at }),
    }
}

fn piece(text: &[u8], start: usize, end: usize) -> Result<Raw<'_>, SyntaxError> {
    text.get(start..end).map(Raw).ok_or(SyntaxError { at: start })
}

fn after_blanks(text: &[u8], from: usize) -> usize {
    let blanks = text.iter().skip(from).take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    from + blanks.count()
}

/// The end of the value that begins at `start`. What is open is on a list and not on the stack, so that no text can overflow it.
fn end_of_value(text: &[u8], start: usize) -> Result<usize, SyntaxError> {
    let mut open: Vec<u8> = Vec::new();
    let mut at = start;
    loop {
        at = after_blanks(text, at);
        match text.get(at) {
            Some(b @ (b'{' | b'[')) => {
                open.push(*b);
                if open.len() > DEEPEST {
                    return Err(SyntaxError { at });
                }
                at = after_blanks(text, at + 1);
                match (*b, text.get(at)) {
                    (b'{', Some(b'}')) | (b'[', Some(b']')) => {}
                    (b'{', _) => {
                        at = end_of_key(text, at)?;
                        continue;
                    }
                    _ => continue,
                }
            }
            Some(b'"') => at = end_of_string(text, at)?,
            Some(b'-' | b'0'..=b'9') => at = end_of_number(text, at)?,
            Some(b't') => at = end_of_word(text, at, b"true")?,
            Some(b'f') => at = end_of_word(text, at, b"false")?,
            Some(b'n') => at = end_of_word(text, at, b"null")?,
            _ => return Err(SyntaxError { at }),
        }
        // A value has ended, or an empty object or list is about to.
        loop {
            let Some(kind) = open.last() else { return Ok(at) };
            at = after_blanks(text, at);
            match (kind, text.get(at)) {
                (b'{', Some(b'}')) | (b'[', Some(b']')) => {
                    open.pop();
                    at += 1;
                }
                (b'{', Some(b',')) => {
                    at = end_of_key(text, after_blanks(text, at + 1))?;
                    break;
                }
                (b'[', Some(b',')) => {
                    at += 1;
                    break;
                }
                _ => return Err(SyntaxError { at }),
            }
        }
    }
}

/// The place after `"key" :`.
fn end_of_key(text: &[u8], at: usize) -> Result<usize, SyntaxError> {
    if text.get(at) != Some(&b'"') {
        return Err(SyntaxError { at });
    }
    let at = after_blanks(text, end_of_string(text, at)?);
    if text.get(at) == Some(&b':') { Ok(at + 1) } else { Err(SyntaxError { at }) }
}

fn end_of_string(text: &[u8], start: usize) -> Result<usize, SyntaxError> {
    let mut at = start + 1;
    loop {
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => match text.get(at + 1) {
                Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => at += 2,
                Some(b'u') if hexadecimal(text, at + 2).is_some() => at += 6,
                _ => return Err(SyntaxError { at }),
            },
            Some(byte) if *byte >= b' ' => at += 1,
            _ => return Err(SyntaxError { at }),
        }
    }
}

/// Four hexadecimal digits as a number.
fn hexadecimal(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    digits.iter().try_fold(0, |number, byte| Some(number * 16 + char::from(*byte).to_digit(16)?))
}

fn end_of_number(text: &[u8], start: usize) -> Result<usize, SyntaxError> {
    let digits = |from: usize| text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let some_digits = |from: usize| match digits(from) {
        0 => Err(SyntaxError { at: from }),
        count => Ok(from + count),
    };
    let mut at = start;
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    at = if text.get(at) == Some(&b'0') { at + 1 } else { some_digits(at)? };
    if text.get(at) == Some(&b'.') {
        at = some_digits(at + 1)?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(text.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = some_digits(at)?;
    }
    Ok(at)
}

fn end_of_word(text: &[u8], at: usize, word: &[u8]) -> Result<usize, SyntaxError> {
    if text.get(at..).is_some_and(|rest| rest.starts_with(word)) {
        Ok(at + word.len())
    } else {
        Err(SyntaxError { at })
    }
}

impl<'a> Raw<'a> {
    /// A number as it is written, and whatever else is neither a text, a list nor an object.
    pub fn number(self) -> &'a str {
        str::from_utf8(self.0).unwrap_or_default()
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// The names and values of an object, in their order and with all that are repeated; None for anything else.
    pub fn members(self) -> Option<Vec<(String, Raw<'a>)>> {
        let text = self.0;
        if text.first() != Some(&b'{') {
            return None;
        }
        let mut members = Vec::new();
        let mut at = after_blanks(text, 1);
        while text.get(at) == Some(&b'"') {
            let end = end_of_string(text, at).ok()?;
            let key = unquoted(text.get(at + 1..end - 1)?);
            let start = after_blanks(text, end_of_key(text, at).ok()?);
            let end = end_of_value(text, start).ok()?;
            members.push((key, piece(text, start, end).ok()?));
            at = after_blanks(text, end);
            if text.get(at) == Some(&b',') {
                at = after_blanks(text, at + 1);
            }
        }
        Some(members)
    }

    /// The values of a list; None for anything else.
    pub fn items(self) -> Option<Vec<Raw<'a>>> {
        let text = self.0;
        if text.first() != Some(&b'[') {
            return None;
        }
        let mut items = Vec::new();
        let mut at = after_blanks(text, 1);
        while !matches!(text.get(at), None | Some(b']')) {
            let end = end_of_value(text, at).ok()?;
            items.push(piece(text, at, end).ok()?);
            at = after_blanks(text, end);
            if text.get(at) == Some(&b',') {
                at = after_blanks(text, at + 1);
            }
        }
        Some(items)
    }

    /// A string's text, with U+FFFD for what is no text; None for anything else.
    pub fn text(self) -> Option<String> {
        match self.0 {
            [b'"', inside @ .., b'"'] => Some(unquoted(inside)),
            _ => None,
        }
    }

    /// A boolean.
    pub fn bool(self) -> Option<bool> {
        match self.0 {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// Whether each number in it can be a `float64`, as Go wants it where the field's type is `any`.
    pub fn numbers_fit(self) -> bool {
        let text = self.0;
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            match byte {
                b'"' => match end_of_string(text, at) {
                    Ok(end) => at = end,
                    Err(_) => return false,
                },
                b'-' | b'0'..=b'9' => {
                    let Ok(end) = end_of_number(text, at) else { return false };
                    let number = text.get(at..end).and_then(|number| str::from_utf8(number).ok()?.parse::<f64>().ok());
                    if !number.is_some_and(f64::is_finite) {
                        return false;
                    }
                    at = end;
                }
                _ => at += 1,
            }
        }
        true
    }
}

/// What stands between the quotes: `decode.go`, `unquoteBytes`. Each byte that is no UTF-8 becomes one U+FFFD, and so does half
/// a surrogate pair.
fn unquoted(inside: &[u8]) -> String {
    let mut out = String::with_capacity(inside.len());
    let mut at = 0;
    while let Some(&byte) = inside.get(at) {
        match byte {
            b'\\' => {
                let escaped = inside.get(at + 1).copied().unwrap_or_default();
                at += 2;
                match escaped {
                    b'b' => out.push('\u{8}'),
                    b'f' => out.push('\u{c}'),
                    b'n' => out.push('\n'),
                    b'r' => out.push('\r'),
                    b't' => out.push('\t'),
                    b'u' => {
                        let first = hexadecimal(inside, at).unwrap_or(0xfffd);
                        at += 4;
                        let second =
                            (inside.get(at..at + 2) == Some(br"\u")).then(|| hexadecimal(inside, at + 2)).flatten();
                        match (first, second) {
                            (0xd800..=0xdbff, Some(second @ 0xdc00..=0xdfff)) => {
                                let pair = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                                out.push(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
                                at += 6;
                            }
                            _ => out.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)),
                        }
                    }
                    other => out.push(char::from(other)),
                }
            }
            0..0x80 => {
                out.push(char::from(byte));
                at += 1;
            }
            _ => {
                let (letter, width) = rune(inside.get(at..).unwrap_or_default());
                out.push(letter);
                at += width;
            }
        }
    }
    out
}

/// The first letter and its bytes; one byte where they are no UTF-8, as Go's `utf8.DecodeRune` says.
fn rune(bytes: &[u8]) -> (char, usize) {
    (1..=bytes.len().min(4))
        .find_map(|width| str::from_utf8(bytes.get(..width)?).ok()?.chars().next().map(|letter| (letter, width)))
        .unwrap_or((char::REPLACEMENT_CHARACTER, 1))
}

/// Whether a name in a file means the field with this name, which is ASCII: without case, and with the two letters beyond
/// ASCII that Unicode folds into it, the long s and the sign for Kelvin (`fold.go`, `foldRune`).
pub fn names_field(key: &str, field: &str) -> bool {
    let folded = key.chars().map(|letter| match letter {
        '\u{17f}' => 'S',
        '\u{212a}' => 'K',
        other => other.to_ascii_uppercase(),
    });
    folded.eq(field.chars().map(|letter| letter.to_ascii_uppercase()))
}

/// A `[]string` of Go. One that is filled again keeps what a shorter list or a `null` in it leaves alone.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    kept: Vec<String>,
    length: usize,
}

impl Texts {
    /// The texts.
    pub fn get(&self) -> &[String] {
        self.kept.split_at(self.length.min(self.kept.len())).0
    }
}

/// Fills fields. A value of a wrong type leaves its field alone and is remembered; the rest is still read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    /// Whether there was a value of a wrong type: Go reads on, and reports the first one at the end.
    pub mismatch: bool,
}

impl Decoder {
    /// A `string`; `null` leaves it alone.
    pub fn text(&mut self, field: &mut String, value: Raw) {
        match value.text() {
            Some(text) => *field = text,
            None => self.mismatch |= !value.is_null(),
        }
    }

    /// A `bool`; `null` leaves it alone.
    pub fn bool(&mut self, field: &mut bool, value: Raw) {
        match value.bool() {
            Some(value) => *field = value,
            None => self.mismatch |= !value.is_null(),
        }
    }

    /// A `[]string`; `null` empties it.
    pub fn texts(&mut self, field: &mut Texts, value: Raw) {
        let Some(items) = value.items() else {
            match value.is_null() {
                true => *field = Texts::default(),
                false => self.mismatch = true,
            }
            return;
        };
        if items.is_empty() {
            *field = Texts::default();
            return;
        }
        field.length = items.len();
        if field.kept.len() < items.len() {
            field.kept.resize(items.len(), String::new());
        }
        for (kept, item) in field.kept.iter_mut().zip(items) {
            self.text(kept, item);
        }
    }

    /// A `map[string]T`: names of one that is read again are added to it, each value is a new one; `null` empties it.
    pub fn map<'a, T: Default>(
        &mut self,
        field: &mut BTreeMap<String, T>,
        value: Raw<'a>,
        each: impl Fn(&mut Decoder, &mut T, Raw<'a>),
    ) {
        let Some(members) = value.members() else {
            match value.is_null() {
                true => field.clear(),
                false => self.mismatch = true,
            }
            return;
        };
        for (key, value) in members {
            let mut filled = T::default();
            each(self, &mut filled, value);
            field.insert(key, filled);
        }
    }

    /// A `struct`: hands out each member's name and value, in their order; `null` leaves it alone.
    pub fn members<'a>(&mut self, value: Raw<'a>) -> Vec<(String, Raw<'a>)> {
        value.members().unwrap_or_else(|| {
            self.mismatch |= !value.is_null();
            Vec::new()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &[u8]) -> String {
        whole_value(json).unwrap().text().unwrap()
    }

    #[test]
    fn what_is_no_json() {
        let wrong: &[&[u8]] = &[
            b"",
            b" ",
            b"{",
            b"[1,]",
            b"{\"a\":1,}",
            b"{a:1}",
            b"01",
            b"1.",
            b"-",
            b"1e",
            b"+1",
            b".5",
            b"nul",
            b"True",
            b"'a'",
            b"\"a",
            b"\"\\x\"",
            b"\"\\u12\"",
            b"\"\n\"",
            b"[1 2]",
            b"{\"a\" 1}",
            b"{} {}",
            b"\xef\xbb\xbf{}",
            b"[}",
            b"\"\\'\"",
        ];
        for json in wrong {
            assert!(whole_value(json).is_err(), "{}", json.escape_ascii());
        }
        for json in ["null", " {} ", "[]", "-0.5e+9", "[[],{}]", "{\"a\":{\"b\":[1,true,false,null]}}", "\"\x7f\""] {
            assert!(whole_value(json.as_bytes()).is_ok(), "{json}");
        }
    }

    #[test]
    fn only_the_first_value_of_a_stream_counts() {
        for json in ["{\"a\":1} garbage", "{\"a\":1}{\"a\":2}", "{\"a\":1}}", " {\"a\":1}\u{0}"] {
            let value = first_value(json.as_bytes()).unwrap().unwrap();
            assert_eq!(value.members().unwrap()[0].1, Raw(b"1"), "{json}");
        }
        assert_eq!(first_value(b" \n"), Ok(None));
        assert!(first_value(b"{\"a\":1").is_err());
        assert!(first_value(b"garbage {}").is_err());
        assert_eq!(first_value(b"nullgarbage").unwrap().unwrap(), Raw(b"null"));
    }

    #[test]
    fn broken_text_is_replaced() {
        assert_eq!(text(b"\"a\xffb\""), "a\u{fffd}b");
        assert_eq!(text(b"\"\xe2\x82\""), "\u{fffd}\u{fffd}", "one for each byte");
        assert_eq!(text(b"\"\xed\xa0\x80\""), "\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(text(br#""\ud800""#), "\u{fffd}");
        assert_eq!(text(br#""\ud800\u0041""#), "\u{fffd}A");
        assert_eq!(text(br#""\ud800\ud83d\ude00""#), "\u{fffd}\u{1f600}");
        assert_eq!(text(br#""\udc00x""#), "\u{fffd}x");
        assert_eq!(text(br#""\"\\\/\b\f\n\r\t\u00e9""#), "\"\\/\u{8}\u{c}\n\r\té");
        assert_eq!(text("\"é😀\"".as_bytes()), "é😀");
    }

    #[test]
    fn nesting_has_gos_limit_and_costs_no_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(whole_value(nested(10_000).as_bytes()).is_ok());
        assert!(whole_value(nested(10_001).as_bytes()).is_err());
        assert!(first_value("[".repeat(10_000_000).as_bytes()).is_err());
    }

    #[test]
    fn names_match_as_go_folds_them() {
        for key in ["currentContext", "CURRENTCONTEXT", "currentcontext"] {
            assert!(names_field(key, "currentContext"), "{key}");
        }
        assert!(names_field("aliaſes", "aliases"), "long s");
        assert!(names_field("\u{212a}ey", "key"), "Kelvin");
        for key in ["current_context", "currentContex", "currentContextt", "ćurrentContext", "İd", ""] {
            assert!(!names_field(key, "currentContext") && !names_field(key, "id"), "{key}");
        }
    }

    #[test]
    fn repeated_names_are_merged() {
        let mut decoder = Decoder::default();
        let mut map = BTreeMap::new();
        for json in [&b"{\"a\":\"1\",\"b\":\"2\"}"[..], b"{\"b\":null,\"c\":\"3\"}", b"[]"] {
            decoder.map(&mut map, whole_value(json).unwrap(), |decoder, text, value| decoder.text(text, value));
        }
        let expected = [("a", "1"), ("b", ""), ("c", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(map, BTreeMap::from(expected));
        assert!(decoder.mismatch, "a list is no map");
        let mut texts = Texts::default();
        let mut read = |json: &[u8]| {
            Decoder::default().texts(&mut texts, whole_value(json).unwrap());
            texts.get().join(",")
        };
        assert_eq!(read(br#"["a","b","c"]"#), "a,b,c");
        assert_eq!(read(br#"[null,"x"]"#), "a,x");
        assert_eq!(read(br"[null,null,null]"), "a,x,c", "the third was still behind the shorter list");
        assert_eq!(read(br"[]"), "");
        assert_eq!(read(br"[null]"), "");
    }

    #[test]
    fn numbers_matter_only_where_they_are_wanted() {
        assert!(whole_value(br#"{"a":1e999}"#).is_ok());
        assert!(!whole_value(br#"{"a":[1e999]}"#).unwrap().numbers_fit());
        assert!(whole_value(br#"{"1e999":["1e999",1e-999,-0.5]}"#).unwrap().numbers_fit());
    }
}
