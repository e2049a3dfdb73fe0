//! Small XML documents, such as Amazon's: elements with text, without attributes.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

/// Elements within elements, at most.
const DEEPEST: usize = 32;

/// An element with its text and the elements in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

/// Why a document could not be read. Does not quote it.
#[derive(Debug, thiserror::Error)]
#[error("not an XML document of the expected form")]
pub(crate) struct XmlError;

impl Element {
    /// An element with text.
    pub(crate) fn text(name: &str, text: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.into(),
            children: Vec::new(),
        }
    }

    /// An element with others in it.
    pub(crate) fn of(name: &str, children: impl IntoIterator<Item = Self>) -> Self {
        Self {
            name: name.to_owned(),
            text: String::new(),
            children: children.into_iter().collect(),
        }
    }

    /// Reads a document. Attributes and namespaces are ignored.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        let text = std::str::from_utf8(bytes).map_err(|_| XmlError)?;
        let mut reader = Reader::from_str(text);
        // The last one is open.
        let mut open = vec![Self::default()];
        loop {
            let event = reader.read_event().map_err(|_| XmlError)?;
            match event {
                Event::Start(start) => {
                    if open.len() > DEEPEST {
                        return Err(XmlError);
                    }
                    open.push(Self::text(&name(start.local_name().as_ref())?, ""));
                }
                Event::Empty(start) => {
                    let empty = Self::text(&name(start.local_name().as_ref())?, "");
                    open.last_mut().ok_or(XmlError)?.children.push(empty);
                }
                Event::End(_) => {
                    let mut closed = open.pop().ok_or(XmlError)?;
                    if closed.children.is_empty() {
                        closed.text = closed.text.trim().to_owned();
                    } else {
                        // The indentation between elements.
                        closed.text.clear();
                    }
                    open.last_mut().ok_or(XmlError)?.children.push(closed);
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|_| XmlError)?;
                    open.last_mut().ok_or(XmlError)?.text.push_str(&text);
                }
                Event::CData(text) => {
                    let text = text.decode().map_err(|_| XmlError)?;
                    open.last_mut().ok_or(XmlError)?.text.push_str(&text);
                }
                Event::GeneralRef(reference) => {
                    let character = match reference.resolve_char_ref() {
                        Ok(Some(character)) => character,
                        _ => match &*reference.decode().map_err(|_| XmlError)? {
                            "amp" => '&',
                            "lt" => '<',
                            "gt" => '>',
                            "quot" => '"',
                            "apos" => '\'',
                            _ => return Err(XmlError),
                        },
                    };
                    open.last_mut().ok_or(XmlError)?.text.push(character);
                }
                // Definitions of entities.
                Event::DocType(_) => return Err(XmlError),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        // Whatever is not closed is not the whole document.
        let [document] = <[Self; 1]>::try_from(open).map_err(|_| XmlError)?;
        let [root] = <[Self; 1]>::try_from(document.children).map_err(|_| XmlError)?;
        Ok(root)
    }

    /// The document with this element as its root, in this namespace.
    pub(crate) fn document(&self, namespace: &str) -> String {
        let mut written = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        self.write(&format!(" xmlns=\"{namespace}\""), &mut written);
        written
    }

    fn write(&self, attributes: &str, written: &mut String) {
        written.push_str(&format!("<{}{attributes}>", self.name));
        written.push_str(&escape(self.text.as_str()));
        for child in &self.children {
            child.write("", written);
        }
        written.push_str(&format!("</{}>", self.name));
    }

    /// The first element in it with this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the element at the end of this path.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&str> {
        let mut found = self;
        for name in path {
            found = found.child(name)?;
        }
        Some(&found.text)
    }
}

fn name(bytes: &[u8]) -> Result<String, XmlError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| XmlError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_and_written() {
        let text = "<?xml version=\"1.0\"?>\n<!-- of a store -->\n<Rules xmlns=\"urn:x\">\n  <Rule>\n    \
                    <ID>a &amp; b&#33;</ID><Filter/><Text><![CDATA[<c>]]></Text>\n  </Rule>\n</Rules>\n";
        let read = Element::parse(text.as_bytes()).unwrap();
        let rule = Element::of(
            "Rule",
            [
                Element::text("ID", "a & b!"),
                Element::text("Filter", ""),
                Element::text("Text", "<c>"),
            ],
        );
        assert_eq!(read, Element::of("Rules", [rule]));
        assert_eq!(read.text_at(&["Rule", "ID"]), Some("a & b!"));
        assert_eq!(read.text_at(&["Rule", "Nothing"]), None);
        let written = read.document("urn:x");
        assert!(written.contains("<ID>a &amp; b!</ID>"), "{written}");
        assert_eq!(Element::parse(written.as_bytes()).unwrap(), read);
    }

    #[test]
    fn what_is_no_whole_document_is_an_error() {
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        for text in [
            "",
            "{}",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a>&unknown;</a>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>",
            &deep,
        ] {
            assert!(Element::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Element::parse(b"<a>\xff</a>").is_err());
    }
}
