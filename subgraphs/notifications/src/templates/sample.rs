//! What previews show.

use serde_json::{Value as Json, json};

use super::{Amounts, EmailDetails, Item};

/// Values for every template, for previews.
pub fn sample_data() -> Json {
    json!({
        "number": "7K2M-9QXD",
        "actor": "customer",
        "carrier": "DHL",
        "location": "Hamburg, DE",
        "label": true,
        "deadline": "2025-10-12T09:00:00Z",
        "refund": { "amount": "1234.50", "currency": "EUR" },
        "refunded": { "amount": "1234.50", "currency": "EUR" },
        "amount": { "amount": "1234.50", "currency": "EUR" },
        "title": "20% off headphones",
        "body": "Only this weekend.",
        "imageUrl": "https://cdn.example/headphones.jpg",
    })
}

/// The details of an email, for previews.
pub fn sample_details() -> EmailDetails {
    let item = |name: &str, quantity, total: &str| Item {
        name: name.to_owned(),
        quantity,
        total: total.to_owned(),
    };
    EmailDetails {
        name: Some("Ada".to_owned()),
        number: Some("7K2M-9QXD".to_owned()),
        items: vec![
            item("Wireless headphones", 1, "$89.00"),
            item("Coffee cup", 2, "$24.00"),
        ],
        amounts: Some(Amounts {
            subtotal: "$113.00".to_owned(),
            shipping: "$5.00".to_owned(),
            tax: "$6.78".to_owned(),
            total: "$124.78".to_owned(),
        }),
        url: Some("https://shop.example/orders".to_owned()),
        unsubscribe_url: "https://shop.example/unsubscribe".to_owned(),
    }
}
