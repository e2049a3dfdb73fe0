//! The page that shows received emails, at `/mail`.

use std::fmt::Write;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::Mail;
use crate::html::{escape, page};
use crate::origin_check;
use crate::sandbox::Sandbox;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/mail", get(list))
        .route("/mail/{id}", get(show))
        .route("/mail/{id}/html", get(html))
        .route("/mail/{id}/source", get(source))
        .layer(from_fn(origin_check::reject_browsers))
}

async fn list(State(sandbox): State<Sandbox>) -> Html<String> {
    let rows = sandbox.world(|world| {
        let mut rows = String::new();
        for mail in world.mailbox.mails().rev() {
            let (id, at) = (mail.id, mail.at.format("%H:%M:%S"));
            let (to, subject) = (escape(&mail.to.join(", ")), escape(&mail.subject));
            // Writing to a string cannot fail.
            let _ = write!(
                rows,
                "<tr><td>{at}</td><td>{to}</td><td><a href=\"/mail/{id}\">{subject}</a></td></tr>"
            );
        }
        rows
    });
    let body = if rows.is_empty() {
        "<p>No emails yet. Place an order, and its confirmation arrives here.</p>".to_owned()
    } else {
        format!("<table>{rows}</table>")
    };
    // Newest first, and new ones appear by themselves.
    page(
        "Emails",
        &format!("<meta http-equiv=\"refresh\" content=\"3\"><h1>Emails</h1>{body}"),
    )
}

async fn show(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Response {
    let Some(mail) = find(&sandbox, id) else {
        return not_found();
    };
    let row =
        |name: &str, value: &str| format!("<tr><td>{name}</td><td>{}</td></tr>", escape(value));
    let mut rows = row("From", &mail.from) + &row("To", &mail.to.join(", "));
    rows += &row("Received", &mail.at.to_rfc3339());
    if let Some(unsubscribe) = &mail.list_unsubscribe {
        rows += &row("Unsubscribe", unsubscribe);
    }
    let html = match mail.html {
        // Scripts do not run, and the page is of another origin.
        Some(_) => format!(
            "<iframe sandbox=\"allow-popups allow-popups-to-escape-sandbox\" src=\"/mail/{id}/html\" title=\"Email\"></iframe>"
        ),
        None => String::new(),
    };
    let text = mail.text.as_deref().map_or(String::new(), |text| {
        format!("<h2>As plain text</h2><pre>{}</pre>", escape(text))
    });
    page(
        &mail.subject,
        &format!(
            "<p><a href=\"/mail\">All emails</a></p><h1>{}</h1><table>{rows}</table><p>{html}</p>{text}\
             <p><a href=\"/mail/{id}/source\">Source</a></p>",
            escape(&mail.subject)
        ),
    )
    .into_response()
}

async fn html(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Response {
    let Some(html) = find(&sandbox, id).and_then(|mail| mail.html) else {
        return not_found();
    };
    // Links open outside the frame.
    let html = html.replacen("<head>", "<head><base target=\"_blank\">", 1);
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
}

async fn source(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Response {
    let Some(mail) = find(&sandbox, id) else {
        return not_found();
    };
    (
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        mail.source,
    )
        .into_response()
}

fn find(sandbox: &Sandbox, id: u64) -> Option<Mail> {
    sandbox.world(|world| world.mailbox.get(id).cloned())
}

fn not_found() -> Response {
    (
        StatusCode::NOT_FOUND,
        page("Not found", "<p>There is no such email.</p>"),
    )
        .into_response()
}
