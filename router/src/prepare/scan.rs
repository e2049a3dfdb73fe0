//! Counts what can be counted of a document without parsing it: an attack is not worth a syntax tree.

use apollo_parser::{Lexer, TokenKind};

use super::limits::{Exceeded, OperationLimits, at_most};

/// What is no document passes: the parser says what is wrong with it.
pub(super) fn check(text: &str, limits: &OperationLimits) -> Result<(), Exceeded> {
    let (mut tokens, mut aliases, mut directives) = (0, 0, 0);
    // Inside them a colon names an argument, a variable or a key of an object.
    let mut parentheses = 0_usize;
    for token in Lexer::new(text) {
        let Ok(token) = token else { return Ok(()) };
        match token.kind() {
            TokenKind::Whitespace | TokenKind::Comment | TokenKind::Comma | TokenKind::Eof => {
                continue;
            }
            TokenKind::LParen => parentheses += 1,
            TokenKind::RParen => parentheses = parentheses.saturating_sub(1),
            TokenKind::At => {
                directives += 1;
                at_most("directives", directives, limits.directives)?;
            }
            TokenKind::Colon if parentheses == 0 => {
                aliases += 1;
                at_most("aliases", aliases, limits.aliases)?;
            }
            _ => {}
        }
        tokens += 1;
        at_most("tokens", tokens, limits.tokens)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exceeded(text: &str, limits: OperationLimits) -> Option<&'static str> {
        check(text, &limits).err().map(|exceeded| exceeded.limit)
    }

    #[test]
    fn names_the_limit_that_is_exceeded_and_counts_what_is_written_only() {
        let text = "query($v: Int = 1, $w: [In!]) { a: b(c: {d: $v, e: \"@ : @\"}) @f { ...g } } # @ : @\n\
                    fragment g on T { \"\"\"@\"\"\" }";
        let limits = OperationLimits::default;
        assert_eq!(exceeded(text, limits()), None);
        let tokens = 47;
        assert_eq!(
            exceeded(
                text,
                OperationLimits {
                    tokens,
                    aliases: 1,
                    directives: 1,
                    ..limits()
                }
            ),
            None
        );
        assert_eq!(
            exceeded(
                text,
                OperationLimits {
                    tokens: tokens - 1,
                    ..limits()
                }
            ),
            Some("tokens")
        );
        assert_eq!(
            exceeded(
                text,
                OperationLimits {
                    aliases: 0,
                    ..limits()
                }
            ),
            Some("aliases")
        );
        assert_eq!(
            exceeded(
                text,
                OperationLimits {
                    directives: 0,
                    ..limits()
                }
            ),
            Some("directives")
        );
    }

    #[test]
    fn leaves_what_is_no_document_to_the_parser() {
        for text in ["{ a ", "\"", "{ \u{0} }", ")))", ""] {
            assert_eq!(exceeded(text, OperationLimits::default()), None, "{text}");
        }
    }
}
