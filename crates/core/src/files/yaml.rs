//! YAML with positions: what compose and bake files say, and where. Pure.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Value};

use super::text::{FileProblem, Text};
use crate::text::part;

/// Deeper than this nobody nests; a file that does is refused, not followed. Aliases count as what they stand for.
const DEEPEST: usize = 100;
/// No file has more of its own, in nodes; a long text weighs as much as several.
const MOST: usize = 2_000_000;
/// Aliases can make a small file large: they bring in no more than this, as in docker's own reader (go-yaml, `decode.go`).
const MOST_BROUGHT: usize = 400_000;
/// A text weighs one more for each of these bytes.
const WEIGHT: usize = 128;

/// One value of a YAML file.
#[derive(Debug)]
pub struct Node {
    /// Where it stands.
    pub span: Range<usize>,
    /// What it is.
    pub what: NodeValue,
}

/// The kinds of values.
#[derive(Debug)]
pub enum NodeValue {
    /// The text, and whether it stands without quotes.
    Scalar(String, bool),
    /// A list.
    List(Vec<Rc<Node>>),
    /// A map.
    Map(Entries),
}

/// The entries of a map, in the order written, those that `<<` brings in last.
#[derive(Debug, Default)]
pub struct Entries {
    list: Vec<(Rc<Node>, Rc<Node>)>,
    /// Where the first of each key is.
    places: HashMap<String, usize>,
}

impl Entries {
    /// From what is written, and how many entries `<<` brought in; None where there are more than `most`.
    fn new(written: Vec<(Rc<Node>, Rc<Node>)>, most: usize) -> Option<(Entries, usize)> {
        let mut entries = Entries::default();
        let (merges, own): (Vec<_>, Vec<_>) = written.into_iter().partition(|(key, _)| key.text() == Some("<<"));
        for entry in own {
            entries.push(entry);
        }
        let mut brought = 0;
        for (_, merged) in merges {
            let single = [merged.clone()];
            for source in if merged.list().is_empty() { &single[..] } else { merged.list() } {
                brought += source.entries().len();
                if brought > most {
                    return None;
                }
                for (key, value) in source.entries() {
                    if key.text().is_some_and(|name| !entries.places.contains_key(name)) {
                        entries.push((key.clone(), value.clone()));
                    }
                }
            }
        }
        Some((entries, brought))
    }

    fn push(&mut self, entry: (Rc<Node>, Rc<Node>)) {
        if let Some(name) = entry.0.text()
            && !self.places.contains_key(name)
        {
            self.places.insert(name.to_owned(), self.list.len());
        }
        self.list.push(entry);
    }
}

/// The first document of a file; None for an empty one.
///
/// Lists and maps in brackets may begin their lines further left than YAML's own rules say: go-yaml, and so compose, takes them. The parser
/// does not, and says which line it means, so such a line is read again as if it began further right.
pub fn read(text: &Rc<Text>) -> Result<Option<Rc<Node>>, FileProblem> {
    let plain = text.text.strip_prefix('\u{feff}').unwrap_or(&text.text);
    let mut indented: Vec<usize> = Vec::new();
    loop {
        let moved = (!indented.is_empty()).then(|| with_indented(plain, &indented));
        match read_once(text, moved.as_deref().unwrap_or(plain), &indented) {
            Err(problem)
                if problem.reason.starts_with("invalid indentation")
                    && !indented.contains(&problem.line)
                    && indented.len() < MOST_INDENTED
                    && plain.len() * indented.len() < MOST_REREAD =>
            {
                indented.push(problem.line);
            }
            result => return result,
        }
    }
}

/// So many lines of one file are moved, and so many bytes are read again for them.
const MOST_INDENTED: usize = 256;
const MOST_REREAD: usize = 8_000_000;
/// So far to the right they are moved: further than anything is nested.
const INDENTATION: usize = 2 * DEEPEST;

/// The text with these lines moved to the right.
fn with_indented(plain: &str, lines: &[usize]) -> String {
    let mut out = String::with_capacity(plain.len() + lines.len() * INDENTATION);
    for (line, number) in plain.split_inclusive('\n').zip(1..) {
        if lines.contains(&number) {
            out.push_str(&" ".repeat(INDENTATION));
        }
        out.push_str(line);
    }
    out
}

/// The same of a text in which these lines were moved.
fn read_once(text: &Rc<Text>, plain: &str, indented: &[usize]) -> Result<Option<Rc<Node>>, FileProblem> {
    let mut reader = YamlReader {
        text,
        has_mark: text.text.starts_with('\u{feff}'),
        indented,
        anchors: HashMap::new(),
        nodes: 0,
        brought: 0,
        parser: Parser::new_from_str(plain),
    };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd | Event::DocumentEnd, _) => return Ok(None),
            (event, span) => return reader.node(event, span, 0).map(|(node, _)| Some(node)),
        }
    }
}

struct YamlReader<'a> {
    text: &'a Rc<Text>,
    /// Whether the file begins with a byte order mark, which the parser is not given.
    has_mark: bool,
    /// The lines that were moved to the right.
    indented: &'a [usize],
    anchors: HashMap<usize, Anchored>,
    /// How much was read, with what aliases brought in; the latter alone.
    nodes: usize,
    brought: usize,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
}

/// What an alias stands for.
#[derive(Clone)]
struct Anchored {
    node: Rc<Node>,
    size: usize,
    height: usize,
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
        let column = self.written_column(line, column.saturating_sub(1)) + 1;
        FileProblem { path: self.text.path.clone(), line, column, reason: reason.to_owned() }
    }

    /// A column of the parser's as it stands in the file.
    fn written_column(&self, line: usize, column: usize) -> usize {
        if self.indented.contains(&line) { column.saturating_sub(INDENTATION) } else { column }
    }

    fn byte(&self, line: usize, column: usize) -> usize {
        let mark = usize::from(line == 1 && self.has_mark);
        self.text.byte(line, self.written_column(line, column) + mark)
    }

    fn span(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.line(), span.start.col());
        let end = self.byte(span.end.line(), span.end.col());
        start..end.max(start)
    }

    /// Takes more in, where the file does not become too large by it.
    fn take(&mut self, size: usize, brought: bool, span: Span) -> Result<(), FileProblem> {
        self.nodes += size;
        self.brought += if brought { size } else { 0 };
        let reason = match () {
            () if self.brought > MOST_BROUGHT => "aliases make more of this file than docker reads",
            () if self.nodes - self.brought > MOST => "too much for a file of this kind",
            () => return Ok(()),
        };
        Err(self.problem(span.start.line(), span.start.col() + 1, reason))
    }

    /// A node, and how many lie within each other in it.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<(Rc<Node>, usize), FileProblem> {
        self.take(1, false, span)?;
        let (line, column) = (span.start.line(), span.start.col() + 1);
        let too_deep = |reader: &Self| reader.problem(line, column, "nested too deep for a file of this kind");
        if depth > DEEPEST {
            return Err(too_deep(self));
        }
        let before = self.nodes - 1;
        let mut whole = self.span(span);
        let mut height = 0;
        let (what, anchor) = match event {
            Event::Alias(anchor) => {
                let Some(known) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.problem(line, column, "an alias of something that is not there"));
                };
                if depth + known.height > DEEPEST {
                    return Err(too_deep(self));
                }
                self.take(known.size, true, span)?;
                return Ok((known.node, known.height));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.take(text.len() / WEIGHT, false, span)?;
                let plain = style == ScalarStyle::Plain && tag.is_none_or(|tag| tag.suffix != "str");
                // A block's span ends with the line that follows it.
                whole.end = whole.start + part(&self.text.text, whole.clone()).trim_end().len();
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
                        (event, span) => list.push(self.below(event, span, depth, &mut height)?),
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
                            let key = self.below(event, span, depth, &mut height)?;
                            let (event, span) = self.next()?;
                            map.push((key, self.below(event, span, depth, &mut height)?));
                        }
                    }
                }
                let most = MOST_BROUGHT.saturating_sub(self.brought);
                let (entries, brought) = Entries::new(map, most).unwrap_or((Entries::default(), most + 1));
                self.take(brought, true, span)?;
                (NodeValue::Map(entries), anchor)
            }
            _ => (NodeValue::Scalar(String::new(), true), 0),
        };
        whole.end = whole.start + self.text.text.get(whole.clone()).map_or(0, |text| text.trim_end().len());
        let node = Rc::new(Node { span: whole, what });
        if anchor > 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), size: self.nodes - before, height });
        }
        Ok((node, height))
    }

    /// A node within another, whose height grows with it.
    fn below(
        &mut self,
        event: Event<'a>,
        span: Span,
        depth: usize,
        height: &mut usize,
    ) -> Result<Rc<Node>, FileProblem> {
        let (node, its) = self.node(event, span, depth + 1)?;
        *height = (*height).max(its + 1);
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
    pub fn entries(&self) -> &[(Rc<Node>, Rc<Node>)] {
        match &self.what {
            NodeValue::Map(entries) => &entries.list,
            _ => &[],
        }
    }

    /// The key of this name in a map, and its value.
    pub fn entry(&self, name: &str) -> Option<(Rc<Node>, Rc<Node>)> {
        let NodeValue::Map(entries) = &self.what else { return None };
        entries.places.get(name).and_then(|at| entries.list.get(*at)).cloned()
    }

    /// The value of this key in a map.
    pub fn get(&self, name: &str) -> Option<Rc<Node>> {
        self.entry(name).map(|(_, value)| value)
    }

    /// The first text in it, by its place in the file, of which this is so.
    pub fn find(&self, wanted: &dyn Fn(&str) -> bool) -> Option<&Node> {
        match &self.what {
            NodeValue::Scalar(text, _) => wanted(text).then_some(self),
            NodeValue::List(list) => list.iter().find_map(|node| node.find(wanted)),
            NodeValue::Map(_) => {
                self.entries().iter().find_map(|(key, value)| key.find(wanted).or_else(|| value.find(wanted)))
            }
        }
    }

    /// As JSON, plain words after YAML's core schema.
    pub fn value(&self) -> Value {
        self.filled(&|_| None)
    }

    /// The same with its texts filled in, as `fill` says it; None for a text that stays. What is filled in is a plain word.
    pub fn filled(&self, fill: &dyn Fn(&str) -> Option<String>) -> Value {
        match &self.what {
            NodeValue::Scalar(text, is_plain) => match fill(text) {
                Some(filled) => plain(&filled),
                None if *is_plain => plain(text),
                None => Value::String(text.clone()),
            },
            NodeValue::List(list) => Value::Array(list.iter().map(|node| node.filled(fill)).collect()),
            NodeValue::Map(_) => {
                let mut map = Map::new();
                for (key, value) in self.entries() {
                    map.insert(key.text().unwrap_or_default().to_owned(), value.filled(fill));
                }
                Value::Object(map)
            }
        }
    }
}

/// A word without quotes.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        text => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
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
#[allow(clippy::string_slice, reason = "a test fails by a panic")]
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

    /// As go-yaml takes them.
    #[test]
    fn brackets_may_close_further_left() {
        for (written, expected) in [
            ("a:\n  b: [\n    x,\n    \"y\"\n  ]\n  c: 1\n", r#"{"a":{"b":["x","y"],"c":1}}"#),
            ("a:\n  b: [\n  x, y\n  ]\n  c: 1\n", r#"{"a":{"b":["x","y"],"c":1}}"#),
            ("a:\n  b:\n    c: {\n  x: 1,\n  y: 2\n}\n", r#"{"a":{"b":{"c":{"x":1,"y":2}}}}"#),
            ("- [\n1,\n2\n]\n", "[[1,2]]"),
            ("a:\n    - [\n  # about\n  \"x\",\n  ]\n", r#"{"a":[["x"]]}"#),
        ] {
            let text = Text::new("c", written.to_owned());
            let root = read(&text).unwrap_or_else(|problem| panic!("{written:?} {problem:?}")).unwrap();
            assert_eq!(root.value().to_string(), expected, "{written:?}");
        }
        // Positions are those of the file.
        let text = Text::new("c", "a:\n  b: [\n  x, y\n  ]\n  c: 1\n".to_owned());
        let root = read(&text).unwrap().unwrap();
        let list = root.get("a").unwrap().get("b").unwrap();
        assert_eq!(&text.text[list.list()[1].span.clone()], "y");
        assert!(read(&Text::new("c", "a:\n  b: [\n  x: [\n".to_owned())).is_err());
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
