//! Decodes a subgraph's JSON response in one pass over its bytes, guided by the fetch's shape: keys that were not
//! requested are skipped, strings and custom scalars are slices of the body.

use bytes::Bytes;

use super::{Object, Shape, Slot, Symbol, Text, Value};
use crate::supergraph::{TypeId, TypeNames};
use crate::transport::{SubgraphError, SubgraphResponse};

/// Deeper than any real response; keeps a hostile one from exhausting the stack.
const MAX_DEPTH: usize = 128;

/// The body is not a GraphQL response.
#[derive(Debug, thiserror::Error)]
#[error("{what} at byte {at}")]
pub(crate) struct Malformed {
    what: &'static str,
    at: usize,
}

/// Decodes a response body: `data` by its shape, `errors` verbatim.
pub(crate) fn decode_response(
    body: &Bytes,
    shape: &Shape,
    types: &TypeNames,
) -> Result<SubgraphResponse, Malformed> {
    if std::str::from_utf8(body).is_err() {
        return Err(Malformed {
            what: "not UTF-8",
            at: 0,
        });
    }
    let mut decoder = Decoder {
        body,
        bytes: body,
        at: 0,
        depth: 0,
        types,
    };
    let response = decoder.response(shape)?;
    decoder.space();
    if decoder.at != body.len() {
        return Err(decoder.malformed("text after the response"));
    }
    Ok(response)
}

struct Decoder<'a> {
    /// Strings are slices of this.
    body: &'a Bytes,
    /// The same bytes, for reading.
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    types: &'a TypeNames,
}

impl Decoder<'_> {
    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Malformed> {
        self.space();
        if self.peek() != Some(byte) {
            return Err(self.malformed(what));
        }
        self.at += 1;
        Ok(())
    }

    fn deeper(&mut self) -> Result<(), Malformed> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.malformed("nested too deeply"));
        }
        Ok(())
    }

    fn response(&mut self, shape: &Shape) -> Result<SubgraphResponse, Malformed> {
        let mut response = SubgraphResponse::default();
        let mut recognized = false;
        self.expect(b'{', "not an object")?;
        let mut first = true;
        while let Some((start, end)) = self.key(&mut first)? {
            match &self.bytes[start..end] {
                b"data" => {
                    recognized = true;
                    response.data = self.value(Some(shape))?;
                }
                b"errors" => {
                    recognized = true;
                    let start = self.at;
                    self.skip()?;
                    // serde_json rejects valid JSON only for numbers it cannot represent.
                    let errors = serde_json::from_slice(&self.bytes[start..self.at]);
                    response.errors = match errors {
                        Ok(errors) => SubgraphError::list(errors),
                        Err(error) => vec![SubgraphError::about_response(
                            format!("`errors` cannot be read: {error}"),
                            Vec::new(),
                        )],
                    };
                }
                _ => self.skip()?,
            }
        }
        if recognized {
            Ok(response)
        } else {
            Err(self.malformed("neither data nor errors"))
        }
    }

    /// The next key of an object, as the range inside its quotes; `None` after the closing brace.
    fn key(&mut self, first: &mut bool) -> Result<Option<(usize, usize)>, Malformed> {
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(None);
        }
        if !*first {
            self.expect(b',', "a comma is missing")?;
            self.space();
        }
        *first = false;
        let (start, end) = self.string()?;
        self.expect(b':', "a colon is missing")?;
        Ok(Some((start, end)))
    }

    /// Whether a list has another item.
    fn item(&mut self, first: &mut bool) -> Result<bool, Malformed> {
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(false);
        }
        if !*first {
            self.expect(b',', "a comma is missing")?;
        }
        *first = false;
        Ok(true)
    }

    /// A value; `shape` is the selection expected for objects here, if any.
    fn value(&mut self, shape: Option<&Shape>) -> Result<Value, Malformed> {
        self.space();
        match self.peek() {
            Some(b'{') => match shape {
                Some(shape) => self.object(shape),
                None => {
                    let start = self.at;
                    self.skip()?;
                    Ok(Value::Raw(self.text(start, self.at)))
                }
            },
            Some(b'[') => {
                self.at += 1;
                self.deeper()?;
                let mut items = Vec::new();
                let mut first = true;
                while self.item(&mut first)? {
                    items.push(self.value(shape)?);
                }
                self.depth -= 1;
                Ok(Value::List(items))
            }
            Some(b'"') => {
                let (start, end) = self.string()?;
                Ok(Value::Escaped(self.text(start, end)))
            }
            Some(b't') => self.literal(b"true", Value::Bool(true)),
            Some(b'f') => self.literal(b"false", Value::Bool(false)),
            Some(b'n') => self.literal(b"null", Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, shape: &Shape) -> Result<Value, Malformed> {
        self.at += 1;
        self.deeper()?;
        let mut object = Object {
            typename: TypeId::NONE,
            fields: Vec::with_capacity(shape.len()),
        };
        let mut expected = 0;
        // Keys in the order of the shape, which is the common case, cannot repeat.
        let mut ordered = true;
        let mut first = true;
        while let Some((start, end)) = self.key(&mut first)? {
            let before = expected;
            let slot = shape.slot(&self.bytes[start..end], &mut expected);
            ordered &= slot.is_none() || expected > before;
            match slot {
                Some(Slot::Typename) => {
                    self.space();
                    if self.peek() == Some(b'"') {
                        let (start, end) = self.string()?;
                        object.typename = self.types.find_bytes(&self.bytes[start..end]);
                    } else {
                        self.skip()?;
                    }
                }
                Some(Slot::Leaf(key)) => {
                    let value = self.value(None)?;
                    set(&mut object, *key, value, ordered);
                }
                Some(Slot::Composite(key, inner)) => {
                    let value = self.value(Some(inner))?;
                    set(&mut object, *key, value, ordered);
                }
                None => self.skip()?,
            }
        }
        self.depth -= 1;
        Ok(Value::Object(object))
    }

    fn text(&self, start: usize, end: usize) -> Text {
        Text::from_checked(self.body.slice(start..end))
    }

    /// The range inside the quotes.
    fn string(&mut self) -> Result<(usize, usize), Malformed> {
        self.expect(b'"', "a string is missing")?;
        let start = self.at;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            self.at += plain.unwrap_or(rest.len());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((start, self.at - 1));
                }
                Some(b'\\') => {
                    let length = match self.bytes.get(self.at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') => {
                            let digits = self.bytes.get(self.at + 2..self.at + 6);
                            if !digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) {
                                return Err(self.malformed("an invalid escape"));
                            }
                            6
                        }
                        _ => return Err(self.malformed("an invalid escape")),
                    };
                    self.at += length;
                }
                Some(_) => return Err(self.malformed("a control character in a string")),
                None => return Err(self.malformed("a string without end")),
            }
        }
    }

    fn literal(&mut self, word: &'static [u8], value: Value) -> Result<Value, Malformed> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.malformed("an invalid value"))
        }
    }

    fn digits(&mut self) -> Result<usize, Malformed> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.malformed("an invalid value"));
        }
        Ok(self.at - start)
    }

    fn number(&mut self) -> Result<Value, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading = self.at;
        if self.digits()? > 1 && self.bytes[leading] == b'0' {
            return Err(self.malformed("a number that starts with zero"));
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            whole = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let digits = self.bytes.get(start..self.at).unwrap_or_default();
        let number = std::str::from_utf8(digits)
            .ok()
            .filter(|_| whole)
            .and_then(|digits| digits.parse().ok());
        Ok(match number {
            Some(number) => Value::Int(number),
            None => Value::Number(self.text(start, self.at)),
        })
    }

    /// Skips a value but checks that it is JSON, since it may be copied out later.
    fn skip(&mut self) -> Result<(), Malformed> {
        self.space();
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.deeper()?;
                let mut first = true;
                while self.key(&mut first)?.is_some() {
                    self.skip()?;
                }
                self.depth -= 1;
                Ok(())
            }
            Some(b'[') => {
                self.at += 1;
                self.deeper()?;
                let mut first = true;
                while self.item(&mut first)? {
                    self.skip()?;
                }
                self.depth -= 1;
                Ok(())
            }
            Some(b'"') => self.string().map(drop),
            _ => self.value(None).map(drop),
        }
    }
}

/// A repeated key replaces the earlier value, as in JSON parsers.
fn set(object: &mut Object, key: Symbol, value: Value, is_new: bool) {
    let known = if is_new { None } else { object.get_mut(key) };
    match known {
        Some(known) => *known = value,
        None => object.fields.push((key, value)),
    }
}

#[cfg(test)]
mod tests;
