//! The look of the sandbox's own pages.

use axum::response::Html;

const STYLE: &str = "
:root { color-scheme: light dark; }
body { margin: 2rem auto; max-width: 52rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; }
a { color: inherit; }
table { width: 100%; border-collapse: collapse; }
td { padding: .5rem .5rem .5rem 0; border-top: 1px solid #8884; vertical-align: top; }
td:first-child, .muted { color: #888; white-space: nowrap; }
iframe { width: 100%; height: 70vh; border: 1px solid #8884; border-radius: 6px; background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; border: 1px solid #8884; border-radius: 6px; }
form { display: inline-block; margin-right: .5rem; }
button { padding: .5rem 1.5rem; font: inherit; }
";

/// A page with this title, which is text, and this body, which is markup.
pub(crate) fn page(title: &str, body: &str) -> Html<String> {
    let title = escape(title);
    // Without an icon, browsers would ask for one.
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style></head><body>{body}</body></html>"
    ))
}

/// Text as markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
