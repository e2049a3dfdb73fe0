//! Writes messages: a template for each event and language, in `templates/`. A language without a template falls back
//! to the one it is a variant of, then to English. Push messages, text messages and emails share a template's texts;
//! email adds a layout.

mod sample;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Captured, Environment, Error, ErrorKind, State, UndefinedBehavior};
use resolvers::money::{CurrencyCode, Money, Rounding};
use resolvers::money_format;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

pub use self::sample::{sample_data, sample_details};

/// The language of customers whose language is not known, in which every template exists.
pub const DEFAULT_LOCALE: &str = "en";

/// Texts that messages share, such as the footer of emails.
const COMMON: &str = "common";
/// The layouts of emails, and the page to unsubscribe.
const EMAIL_HTML: &str = "email.html";
const EMAIL_TEXT: &str = "email.txt";
const UNSUBSCRIBE_PAGE: &str = "unsubscribe.html";

/// Templates by language and name, with the names in the order in which messages usually come.
macro_rules! templates {
    ($locales:tt, $names:tt) => {
        templates!(@names $names);
        templates!(@locales $locales $names);
    };
    (@names [$($name:literal),+]) => {
        /// The events that messages can be about.
        pub const EVENTS: &[&str] = &[$($name),+];
    };
    (@locales [$($locale:literal),+] $names:tt) => {
        /// The languages that there are templates in.
        pub const LOCALES: &[&str] = &[$($locale),+];
        const FILES: &[&[(&str, &str)]] = &[$(templates!(@files $locale $names)),+];
    };
    (@files $locale:literal [$($name:literal),+]) => {
        &[
            (concat!($locale, "/common"), include_str!(concat!("../templates/", $locale, "/common.txt"))),
            $((concat!($locale, "/", $name), include_str!(concat!("../templates/", $locale, "/", $name, ".txt")))),+
        ]
    };
}

templates!(
    ["en", "de"],
    [
        "order.confirmed",
        "order.shipped",
        "parcel.out_for_delivery",
        "parcel.delivery_attempted",
        "parcel.available_for_pickup",
        "parcel.exception",
        "parcel.returned_to_sender",
        "order.delivered",
        "order.cancelled",
        "order.refunded",
        "return.initiated",
        "return.label_generated",
        "return.carrier_scanned",
        "return.refund_issued",
        "return.completed",
        "return.manual_review",
        "return.cancelled",
        "return.store_credit_issued",
        "return.shipping_refunded",
        "deal"
    ]
);

/// All templates, parsed.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    /// The shop's name in messages.
    shop: String,
}

/// The texts of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The headline, and an email's subject.
    pub title: String,
    pub body: String,
    /// What the link of the message is called.
    pub action: String,
}

/// What an email contains besides its texts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EmailDetails {
    /// The customer's name.
    pub name: Option<String>,
    /// The number of the order it is about.
    pub number: Option<String>,
    pub items: Vec<Item>,
    pub amounts: Option<Amounts>,
    /// Where its button leads.
    pub url: Option<String>,
    pub unsubscribe_url: String,
}

/// A line of an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    pub name: String,
    pub quantity: i32,
    /// As its reader writes it.
    pub total: String,
}

/// An order's amounts, as their reader writes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Amounts {
    pub subtotal: String,
    pub shipping: String,
    pub tax: String,
    pub total: String,
}

/// An email, in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// The page to unsubscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubscribePage<'a> {
    /// Asks whether to unsubscribe from emails of this category.
    Ask(&'a str),
    Done,
    Invalid,
}

/// Why a message could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the template {template} cannot be rendered: {reason}")]
pub struct TemplateError {
    template: String,
    /// Without the values that it shows.
    reason: String,
}

impl TemplateError {
    fn new(template: &str, error: &Error) -> Self {
        Self {
            template: template.to_owned(),
            reason: format!("{:?} in line {}", error.kind(), error.line().unwrap_or(0)),
        }
    }
}

impl Templates {
    /// The built-in templates, for a shop of this name.
    pub fn new(shop: impl Into<String>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
            Some((_, "html")) => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        // A value that is missing must not leave a gap in a sentence.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.add_filter("money", money);
        environment.add_filter("date", date);
        let layouts = [
            (EMAIL_HTML, include_str!("../templates/email.html")),
            (EMAIL_TEXT, include_str!("../templates/email.txt")),
            (
                UNSUBSCRIBE_PAGE,
                include_str!("../templates/unsubscribe.html"),
            ),
        ];
        for (name, source) in FILES.iter().copied().flatten().chain(&layouts) {
            environment
                .add_template(name, source)
                .map_err(|error| TemplateError::new(name, &error))?;
        }
        Ok(Self {
            environment,
            shop: shop.into(),
        })
    }

    /// The texts of a message about this event. `data` are the values that its template shows.
    pub fn text(&self, event: &str, locale: &str, data: &Json) -> Result<Text, TemplateError> {
        let mut blocks = self.blocks(event, locale, data)?;
        Ok(Text {
            title: blocks.render("title")?,
            body: blocks.render("body")?,
            action: blocks.render("action")?,
        })
    }

    /// A text message: short, and without a link, which would look like fraud.
    pub fn sms(&self, event: &str, locale: &str, data: &Json) -> Result<String, TemplateError> {
        let text = self.text(event, locale, data)?;
        Ok(format!("{}: {}. {}", self.shop, text.title, text.body))
    }

    pub fn email(
        &self,
        event: &str,
        locale: &str,
        data: &Json,
        details: &EmailDetails,
    ) -> Result<Email, TemplateError> {
        let text = self.text(event, locale, data)?;
        let mut common = self.blocks(COMMON, locale, &json!(details))?;
        let totals = match &details.amounts {
            None => Vec::new(),
            Some(amounts) => [
                ("subtotal", &amounts.subtotal),
                ("shipping", &amounts.shipping),
                ("tax", &amounts.tax),
                ("total", &amounts.total),
            ]
            .into_iter()
            .map(|(name, value)| Ok(json!({ "label": common.render(name)?, "value": value })))
            .collect::<Result<_, TemplateError>>()?,
        };
        let order = match &details.number {
            Some(_) => common.render("order")?,
            None => String::new(),
        };
        let action = details.url.as_ref();
        let values = json!({
            "lang": self.language(event, locale),
            "shop": self.shop,
            "title": text.title,
            "body": text.body,
            "greeting": common.render("greeting")?,
            "items": details.items,
            "totals": totals,
            "image_url": data.get("imageUrl"),
            "action": action.map(|url| json!({ "label": text.action, "url": url })),
            "labels": {
                "order": order,
                "footer": common.render("footer")?,
                "unsubscribe": common.render("unsubscribe")?,
            },
            "unsubscribe_url": details.unsubscribe_url,
        });
        Ok(Email {
            text: self.render(EMAIL_TEXT, &values)?,
            html: self.render(EMAIL_HTML, &values)?,
            subject: text.title,
        })
    }

    pub fn unsubscribe_page(
        &self,
        page: UnsubscribePage<'_>,
        locale: &str,
    ) -> Result<String, TemplateError> {
        let mut common = self.blocks(COMMON, locale, &json!({}))?;
        let (text, button) = match page {
            UnsubscribePage::Ask(category) => (
                common.render(&format!("unsubscribe_{category}"))?,
                Some(common.render("unsubscribe_button")?),
            ),
            UnsubscribePage::Done => (common.render("unsubscribed")?, None),
            UnsubscribePage::Invalid => (common.render("unsubscribe_invalid")?, None),
        };
        let values = json!({
            "lang": self.language(COMMON, locale),
            "title": common.render("unsubscribe_title")?,
            "text": text,
            "button": button,
        });
        self.render(UNSUBSCRIBE_PAGE, &values)
    }

    /// The language in which there is this template: the given one, or what it falls back to.
    fn language<'a>(&self, name: &str, locale: &'a str) -> &'a str {
        let exists = |locale: &str| {
            self.environment
                .get_template(&format!("{locale}/{name}"))
                .is_ok()
        };
        let mut language = locale;
        loop {
            if exists(language) {
                return language;
            }
            match language.rsplit_once('-') {
                Some((rest, _)) => language = rest,
                None => return DEFAULT_LOCALE,
            }
        }
    }

    fn blocks(&self, name: &str, locale: &str, data: &Json) -> Result<Blocks<'_>, TemplateError> {
        let template = format!("{}/{name}", self.language(name, locale));
        let mut values = json!({ "locale": locale, "shop": self.shop });
        if let (Some(values), Some(data)) = (values.as_object_mut(), data.as_object()) {
            values.extend(
                data.iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        let captured = self
            .environment
            .get_template(&template)
            .and_then(|parsed| parsed.render_captured(Value::from(Serde(values))));
        match captured {
            Ok(captured) => Ok(Blocks { captured, template }),
            Err(error) => Err(TemplateError::new(&template, &error)),
        }
    }

    fn render(&self, name: &str, values: &Json) -> Result<String, TemplateError> {
        self.environment
            .get_template(name)
            .and_then(|template| template.render(Value::from(Serde(values))))
            .map_err(|error| TemplateError::new(name, &error))
    }
}

/// The blocks of one template, rendered with some values.
struct Blocks<'a> {
    captured: Captured<'a>,
    template: String,
}

impl Blocks<'_> {
    fn render(&mut self, block: &str) -> Result<String, TemplateError> {
        let rendered = self
            .captured
            .with_state_mut(|state| state.render_block(block));
        rendered.map_err(|error| TemplateError::new(&self.template, &error))
    }
}

/// An amount, `{"amount": "29.45", "currency": "EUR"}`, as the message's reader writes it.
fn money(state: &State<'_, '_>, amount: Value) -> Result<String, Error> {
    let invalid = || Error::new(ErrorKind::InvalidOperation, "not an amount of money");
    let text = |name| {
        let value = amount.get_attr(name).ok()?;
        value.as_str().map(str::to_owned)
    };
    let decimal: Decimal = text("amount")
        .and_then(|text| text.parse().ok())
        .ok_or_else(invalid)?;
    let currency = text("currency")
        .and_then(|code| CurrencyCode::from_code(&code))
        .ok_or_else(invalid)?;
    let money = Money::from_decimal(decimal, currency, Rounding::Down).ok_or_else(invalid)?;
    Ok(money_format::format(&locale(state), money))
}

/// The date of a time, `2025-10-12`: the only form that is read in the same way everywhere.
fn date(value: String) -> String {
    value.split('T').next().unwrap_or_default().to_owned()
}

fn locale(state: &State<'_, '_>) -> String {
    let locale = state.lookup("locale");
    locale
        .and_then(|locale| locale.as_str().map(str::to_owned))
        .unwrap_or_else(|| DEFAULT_LOCALE.to_owned())
}

#[cfg(test)]
#[path = "templates/tests.rs"]
mod tests;
