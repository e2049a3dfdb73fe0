//! Tests of the templates.

use super::*;

fn templates() -> Templates {
    Templates::new("Vantage").unwrap()
}

/// Values for every template.
fn data() -> Json {
    sample_data()
}

fn details() -> EmailDetails {
    EmailDetails {
        name: Some("Ada <b>".to_owned()),
        number: Some("7K2M-9QXD".to_owned()),
        items: vec![Item {
            name: "Cups & <script>".to_owned(),
            quantity: 2,
            total: "$10.00".to_owned(),
        }],
        amounts: Some(Amounts {
            subtotal: "$10.00".to_owned(),
            shipping: "$1.00".to_owned(),
            tax: "$0.60".to_owned(),
            total: "$11.60".to_owned(),
        }),
        url: Some("https://shop.example/orders/ord_1?a=1&b=2".to_owned()),
        unsubscribe_url: "https://shop.example/unsubscribe/token".to_owned(),
    }
}

#[test]
fn every_template_is_written_in_every_language_for_every_channel() {
    let templates = templates();
    for locale in LOCALES {
        for event in EVENTS {
            let text = templates.text(event, locale, &data()).unwrap();
            for part in [&text.title, &text.body, &text.action] {
                assert!(!part.trim().is_empty(), "{locale} {event}");
                assert!(!part.contains("ord_"), "{locale} {event}: {part}");
                assert!(!part.contains('{'), "{locale} {event}: {part}");
            }
            let email = templates.email(event, locale, &data(), &details()).unwrap();
            assert_eq!(email.subject, text.title);
            assert!(email.text.contains(&text.body));
            assert!(
                templates
                    .sms(event, locale, &data())
                    .unwrap()
                    .contains(&text.title)
            );
        }
    }
}

#[test]
fn a_language_falls_back_to_the_one_it_is_a_variant_of_then_to_english() {
    let templates = templates();
    let title = |locale: &str| {
        templates
            .text("order.shipped", locale, &data())
            .unwrap()
            .title
    };
    assert_eq!(title("de"), "Bestellung 7K2M-9QXD ist unterwegs");
    assert_eq!(title("de-AT"), title("de"));
    assert_eq!(title("de-Latn-AT-1996"), title("de"));
    for unknown in ["en", "en-GB", "tlh", "", "-", "../de"] {
        assert_eq!(title(unknown), "Order 7K2M-9QXD is on its way", "{unknown}");
    }
}

#[test]
fn amounts_are_written_as_the_reader_writes_them_whatever_the_language_of_the_template() {
    let templates = templates();
    let body = |locale: &str| {
        templates
            .text("order.refunded", locale, &data())
            .unwrap()
            .body
    };
    assert!(body("en").contains("€1,234.50"), "{}", body("en"));
    assert!(body("de").contains("1.234,50\u{a0}€"), "{}", body("de"));
    assert!(
        body("fr").contains("1\u{202f}234,50\u{a0}€"),
        "{}",
        body("fr")
    );
}

#[test]
fn html_shows_what_others_wrote_as_text() {
    let mut data = data();
    data["title"] = json!("<img src=x onerror=alert(1)>");
    data["body"] = json!("\"Half\" & more");
    data["imageUrl"] = json!("https://cdn.example/\"><script>");
    let email = templates().email("deal", "en", &data, &details()).unwrap();
    assert_eq!(email.subject, "<img src=x onerror=alert(1)>");
    assert!(email.text.contains("\"Half\" & more"), "{}", email.text);
    assert!(!email.html.contains("<img src=x"), "{}", email.html);
    assert!(!email.html.contains("<script"), "{}", email.html);
    assert!(
        email.html.contains("Cups &amp; &lt;script&gt;"),
        "{}",
        email.html
    );
    assert!(
        email.html.contains("&quot;Half&quot; &amp; more"),
        "{}",
        email.html
    );
}

#[test]
fn emails_are_readable_in_the_dark_and_in_clients_without_styles() {
    let email = templates()
        .email("order.confirmed", "de", &data(), &details())
        .unwrap();
    for needed in [
        "<html lang=\"de\">",
        "<meta name=\"color-scheme\" content=\"light dark\">",
        "prefers-color-scheme: dark",
        "background-color:#ffffff",
        "Gesamtbetrag",
        "https:&#x2f;&#x2f;shop.example&#x2f;unsubscribe&#x2f;token",
    ] {
        assert!(email.html.contains(needed), "{needed} in {}", email.html);
    }
    for needed in [
        "2 × Cups & <script>: $10.00",
        "Gesamtbetrag: $11.60",
        "https://shop.example/unsubscribe/token",
    ] {
        assert!(email.text.contains(needed), "{needed} in {}", email.text);
    }
}

#[test]
fn a_message_without_a_value_it_needs_is_not_written_and_the_error_shows_no_values() {
    let error = templates()
        .text("order.refunded", "en", &json!({ "number": "7K2M-9QXD" }))
        .unwrap_err()
        .to_string();
    assert!(error.contains("en/order.refunded"), "{error}");
    assert!(!error.contains("7K2M"), "{error}");
}
