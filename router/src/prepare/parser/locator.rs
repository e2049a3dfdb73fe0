//! Positions of tokens.

use graphql_tools::parser::Pos;

/// Lines and columns of increasing offsets. Lines end as specified; columns count UTF-16 code units, like editors and
/// other servers.
pub(super) struct Locator<'t> {
    bytes: &'t [u8],
    offset: usize,
    position: Pos,
}

impl<'t> Locator<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            bytes: text.as_bytes(),
            offset: 0,
            position: Pos { line: 1, column: 1 },
        }
    }

    pub(super) fn locate(&mut self, offset: usize) -> Pos {
        while self.offset < offset {
            let next = self.bytes.get(self.offset + 1);
            match self.bytes.get(self.offset) {
                Some(b'\n') => self.begin_line(),
                Some(b'\r') if next != Some(&b'\n') => self.begin_line(),
                // Continuation bytes.
                Some(0x80..=0xbf) => {}
                // A character that takes a surrogate pair.
                Some(0xf0..) => self.position.column += 2,
                _ => self.position.column += 1,
            }
            self.offset += 1;
        }
        self.position
    }

    fn begin_line(&mut self) {
        self.position.line += 1;
        self.position.column = 1;
    }
}
