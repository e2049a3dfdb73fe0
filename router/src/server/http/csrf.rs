//! Cross-site request forgery: a foreign page can make a browser send a plain GET with the visitor's cookies. A header
//! that such a page cannot set without a preflight proves that it did not.

use axum::http::{HeaderMap, HeaderName, header};

use crate::server::refusal::Refusal;

/// Content types that any page may send cross-site without a preflight.
const SIMPLE: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

/// Rejects a GET that a foreign page could have caused.
pub(super) fn check(headers: &HeaderMap, accepted: &[HeaderName]) -> Result<(), Refusal> {
    let named = accepted
        .iter()
        .any(|name| headers.get(name).is_some_and(|value| !value.is_empty()));
    if named || has_preflighted_content_type(headers) {
        return Ok(());
    }
    let names: Vec<&str> = accepted.iter().map(HeaderName::as_str).collect();
    Err(Refusal::bad_request(format!(
        "to protect visitors from forged requests, a GET needs `content-type: application/json` or one of the headers {}",
        names.join(", ")
    )))
}

fn has_preflighted_content_type(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str())
    else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.contains('/')
        && !SIMPLE
            .iter()
            .any(|simple| essence.eq_ignore_ascii_case(simple))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_header_must_show_that_no_foreign_page_sent_it() {
        let accepted = [HeaderName::from_static("x-csrf")];
        let check = |name: &'static str, value: &'static str, passes: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(
                check(&headers, &accepted).is_ok(),
                passes,
                "{name}: {value}"
            );
        };
        check("x-csrf", "1", true);
        check("x-csrf", "", false);
        check("x-other", "1", false);
        check("content-type", "application/json", true);
        check("content-type", "application/json; charset=utf-8", true);
        check("content-type", "Text/Plain;charset=UTF-8", false);
        check("content-type", "application/x-www-form-urlencoded", false);
        check("content-type", "multipart/form-data; boundary=x", false);
        check("content-type", "nonsense", false);
    }
}
