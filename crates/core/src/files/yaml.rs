//! YAML with positions: what compose and bake files say, and where. Pure.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Value};

use super::text::{FileProblem, Text};

/// Deeper than this nobody nests; a file that does is refused, not followed.
const DEEPEST: usize = 100;
/// Aliases can make a small file large: no file becomes more nodes than this.
const MOST: usize = 200_000;

/// One value of a YAML file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub span: Range<usize>,
    /// What it is.
    pub what: NodeValue,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// The text, and whether it stands without quotes.
    Scalar(String, bool),
    /// A list.
    List(Vec<Rc<Node>>),
    /// In the order written.
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

/// The first document of a file; None for an empty one.
pub fn read(text: &Rc<Text>) -> Result<Option<Rc<Node>>, FileProblem> {
    let shift = if text.text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut reader = YamlReader {
        text,
        shift,
        anchors: HashMap::new(),
        nodes: 0,
        parser: Parser::new_from_str(&text.text[shift..]),
    };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd | Event::DocumentEnd, _) => return Ok(None),
            (event, span) => return reader.node(event, span, 0).map(Some),
        }
    }
}

struct YamlReader<'a> {
    text: &'a Rc<Text>,
    shift: usize,
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    nodes: usize,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
}

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), FileProblem> {
        match self.parser.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let marker = error.marker();
                Err(self.problem(marker.line(), marker.col() + 1, error.info()))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn problem(&self, line: usize, column: usize, reason: &str) -> FileProblem {
        FileProblem { path: self.text.path.clone(), line, column, reason: reason.to_owned() }
    }

    fn byte(&self, line: usize, column: usize) -> usize {
        let shift = if line == 1 && self.shift > 0 { 1 } else { 0 };
        self.text.byte(line, column + shift)
    }

    fn span(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.line(), span.start.col());
        let end = self.byte(span.end.line(), span.end.col());
        start..end.max(start)
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Rc<Node>, FileProblem> {
        self.nodes += 1;
        let (line, column) = (span.start.line(), span.start.col() + 1);
        if depth > DEEPEST || self.nodes > MOST {
            return Err(self.problem(line, column, "nested too deep, or too much for a file of this kind"));
        }
        let before = self.nodes;
        let mut whole = self.span(span);
        let (what, anchor) = match event {
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.problem(line, column, "an alias of something that is not there"));
                };
                self.nodes += size;
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none_or(|tag| tag.suffix != "str");
                // A block's span ends with the line that follows it.
                whole.end = whole.start + self.text.text[whole.clone()].trim_end().len();
                (NodeValue::Scalar(text.into_owned(), plain), anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, end) => {
                            whole.end = self.span(end).end;
                            break;
                        }
                        (Event::StreamEnd, _) => break,
                        (event, span) => list.push(self.node(event, span, depth + 1)?),
                    }
                }
                whole.end = list.last().map_or(whole.end, |last| whole.end.max(last.span.end));
                (NodeValue::List(list), anchor)
            }
            Event::MappingStart(anchor, _) => {
                let mut map = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, end) => {
                            whole.end = self.span(end).end;
                            break;
                        }
                        (Event::StreamEnd, _) => break,
                        (event, span) => {
                            let key = self.node(event, span, depth + 1)?;
                            let (event, span) = self.next()?;
                            map.push((key, self.node(event, span, depth + 1)?));
                        }
                    }
                }
                (NodeValue::Map(map), anchor)
            }
            _ => (NodeValue::Scalar(String::new(), true), 0),
        };
        whole.end = whole.start + self.text.text.get(whole.clone()).map_or(0, |text| text.trim_end().len());
        let node = Rc::new(Node { span: whole, what });
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }
}

impl Node {
    /// The text of a scalar; None for a list or a map.
    pub fn text(&self) -> Option<&str> {
        match &self.what {
            NodeValue::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; none for anything else.
    pub fn list(&self) -> &[Rc<Node>] {
        match &self.what {
            NodeValue::List(list) => list,
            _ => &[],
        }
    }

    /// Keys and values, those that `<<` brings in last.
    pub fn entries(&self) -> Vec<(Rc<Node>, Rc<Node>)> {
        let NodeValue::Map(map) = &self.what else { return Vec::new() };
        let (merges, mut own): (Vec<_>, Vec<_>) = map.iter().cloned().partition(|(key, _)| key.text() == Some("<<"));
        for (_, merged) in merges {
            let sources = if merged.list().is_empty() { vec![merged] } else { merged.list().to_vec() };
            for source in sources {
                for (key, value) in source.entries() {
                    if !own.iter().any(|(known, _)| known.text() == key.text()) {
                        own.push((key, value));
                    }
                }
            }
        }
        own
    }

    /// The key of this name in a map, and its value.
    pub fn entry(&self, name: &str) -> Option<(Rc<Node>, Rc<Node>)> {
        self.entries().into_iter().find(|(key, _)| key.text() == Some(name))
    }

    /// The value of this key in a map.
    pub fn get(&self, name: &str) -> Option<Rc<Node>> {
        self.entry(name).map(|(_, value)| value)
    }

    /// As JSON, plain words after YAML's core schema.
    pub fn value(&self) -> Value {
        match &self.what {
            NodeValue::Scalar(text, false) => Value::String(text.clone()),
            NodeValue::Scalar(text, true) => match text.as_str() {
                "" | "~" | "null" | "Null" | "NULL" => Value::Null,
                "true" | "True" | "TRUE" => Value::Bool(true),
                "false" | "False" | "FALSE" => Value::Bool(false),
                text => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
            },
            NodeValue::List(list) => Value::Array(list.iter().map(|node| node.value()).collect()),
            NodeValue::Map(_) => {
                let mut map = Map::new();
                for (key, value) in self.entries() {
                    map.insert(key.text().unwrap_or_default().to_owned(), value.value());
                }
                Value::Object(map)
            }
        }
    }
}

fn number(text: &str) -> Option<Value> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().map(Value::from);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Value::from);
    }
    let is_number = text.starts_with(|letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.'));
    is_number.then(|| text.parse::<f64>().ok()).flatten().and_then(serde_json::Number::from_f64).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_merges_and_aliases() {
        let text = Text::new("c", "x: &base\n  privileged: true\nservices:\n  web:\n    <<: *base\n    ports: [\"80:80\", 5]\n    ü: |\n      a\n      b\n".to_owned());
        let root = read(&text).unwrap().unwrap();
        let web = root.get("services").unwrap().get("web").unwrap();
        let (key, value) = web.entry("privileged").unwrap();
        assert_eq!((text.position(key.span.start), &text.text[value.span.clone()]), ((2, 3), "true"));
        let ports = web.get("ports").unwrap();
        assert_eq!(&text.text[ports.list()[0].span.clone()], "\"80:80\"");
        assert_eq!(ports.value(), serde_json::json!(["80:80", 5]));
        assert!(text.text[web.get("ü").unwrap().span.clone()].ends_with("a\n      b"));
    }

    #[test]
    fn rubbish_has_a_position() {
        for text in ["a: [", "a: b: c", "\t- x", "a: *nothing", "%", "- [", "{a", "\"x", "a:\n - b\n c: d"] {
            if let Err(problem) = read(&Text::new("c", text.to_owned())) {
                assert!(problem.line >= 1 && problem.column >= 1, "{text:?} {problem:?}");
            }
        }
        assert!(read(&Text::new("c", "a: [".to_owned())).is_err());
        let bomb = format!(
            "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{}",
            (1..12)
                .map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(",")))
                .collect::<String>()
        );
        assert!(read(&Text::new("c", bomb)).is_err());
    }
}
