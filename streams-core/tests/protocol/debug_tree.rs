//! Debug texts as trees, to compare our messages field by field with the JSON that Kafka writes of its own.

use serde_json::Value;

/// A value of a debug text.
#[derive(Debug, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    /// A number or a UUID, as it is written.
    Word(String),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Fields(Vec<(String, Self)>),
}

/// The tree of a derived debug text. `Some` and other tuples of one value are that value.
pub(crate) fn parse(text: &str) -> Tree {
    let mut parser = Parser { rest: text };
    let tree = parser.value();
    assert_eq!(parser.rest, "", "all of the debug text is one value");
    tree
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) {
        assert!(self.takes(token), "{token:?} is missing before {:.60}", self.rest);
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && !"_-.".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn value(&mut self) -> Tree {
        if self.takes("[") {
            return Tree::List(self.until("]", Self::value));
        }
        if self.takes("b\"") {
            return Tree::Bytes(self.quoted());
        }
        if self.takes("\"") {
            return Tree::Text(String::from_utf8(self.quoted()).expect("a text is UTF-8"));
        }
        let word = self.word();
        if self.takes(" { ") {
            return Tree::Fields(self.until(" }", |parser| {
                let name = parser.word().to_owned();
                parser.expect(": ");
                (name, parser.value())
            }));
        }
        if self.takes("(") {
            let inner = self.value();
            self.expect(")");
            return inner;
        }
        match word {
            "None" => Tree::Null,
            "true" | "false" => Tree::Bool(word == "true"),
            _ => Tree::Word(word.to_owned()),
        }
    }

    fn until<T>(&mut self, end: &str, mut element: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut elements = Vec::new();
        while !self.takes(end) {
            if !elements.is_empty() {
                self.expect(", ");
            }
            elements.push(element(self));
        }
        elements
    }

    /// The rest of a text or a byte string, up to its closing quote.
    fn quoted(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let mut chars = self.rest.chars();
            let c = chars.next().expect("a text ends");
            self.rest = chars.as_str();
            match c {
                '"' => return bytes,
                '\\' => self.escaped(&mut bytes),
                _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    fn escaped(&mut self, bytes: &mut Vec<u8>) {
        let mut chars = self.rest.chars();
        let c = chars.next().expect("an escape ends");
        self.rest = chars.as_str();
        match c {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            'x' => {
                let (digits, rest) = self.rest.split_at(2);
                bytes.push(u8::from_str_radix(digits, 16).expect("two hex digits"));
                self.rest = rest;
            }
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Fails at the first value of Kafka's JSON that ours does not have; the number of values compared.
pub(crate) fn compare(place: &str, kafka: &Value, ours: &Tree) -> usize {
    match (kafka, ours) {
        (Value::Object(fields), Tree::Fields(ours)) => fields
            .iter()
            .map(|(name, value)| {
                // Kafka's JSON says only how long record batches are.
                let field = if name == "recordsSizeInBytes" { "records".to_owned() } else { snake_case(name) };
                let place = format!("{place}: {field}");
                let found = ours.iter().find(|(name, _)| *name == field);
                compare(&place, value, &found.unwrap_or_else(|| panic!("{place} is missing")).1)
            })
            .sum(),
        (Value::Array(values), Tree::List(ours)) => {
            assert_eq!(values.len(), ours.len(), "{place}");
            let elements = values.iter().zip(ours).enumerate();
            elements.map(|(index, (value, ours))| compare(&format!("{place}[{index}]"), value, ours)).sum()
        }
        _ => {
            assert!(is_same(kafka, ours), "{place}: Kafka says {kafka}, we have {ours:?}");
            1
        }
    }
}

fn is_same(kafka: &Value, ours: &Tree) -> bool {
    match (kafka, ours) {
        (Value::Null, ours) => *ours == Tree::Null,
        (Value::Bool(value), ours) => *ours == Tree::Bool(*value),
        (Value::Number(length), Tree::Bytes(bytes)) => length.as_u64() == Some(bytes.len() as u64),
        (Value::Number(number), Tree::Word(word)) => number.to_string() == *word,
        (Value::String(text), Tree::Text(ours)) => text == ours,
        (Value::String(text), Tree::Bytes(ours)) => from_base64(text) == *ours,
        (Value::String(text), Tree::Word(uuid)) => {
            let digits: String = from_base64(text).iter().map(|byte| format!("{byte:02x}")).collect();
            digits == uuid.replace('-', "")
        }
        _ => false,
    }
}

/// Base64 of either alphabet, padded or not: Kafka writes bytes in one and UUIDs in the other.
fn from_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => panic!("{text} is no base64"),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[test]
fn a_tree_tells_values_apart() {
    let text = r#"A(B { a: Some([1, -2]), b: "x\"é\u{0}", c: b"\0\xff", d: None, e: ErrorCode(-3), f: [] })"#;
    let text = text.replace("\\u{0}", "");
    let tree = parse(&text);
    let json: Value =
        serde_json::from_str(r#"{"a":[1,-2],"b":"x\"é","c":"AP8=","d":null,"e":-3,"f":[]}"#).expect("JSON");
    assert_eq!(compare("here", &json, &tree), 6);
    assert!(!is_same(&json["b"], &Tree::Text("x".to_owned())));
    assert!(!is_same(&json["c"], &Tree::Bytes(vec![0])));
}
