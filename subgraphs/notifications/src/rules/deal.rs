//! What a deal for customers must be like.

use chrono::{DateTime, TimeDelta, Utc};
use unicode_normalization::char::is_combining_mark;

use super::quiet_hours::Window;

/// The most customers of one request.
pub(crate) const MAX_CUSTOMERS: usize = 1_000;
/// In characters. The push service takes 4 KB in all.
pub(crate) const MAX_TITLE: usize = 120;
pub(crate) const MAX_BODY: usize = 1_000;
/// In bytes.
pub(crate) const MAX_LINK: usize = 1_024;
/// How long before it ends a deal can be scheduled.
pub(crate) const LONGEST: TimeDelta = TimeDelta::days(90);

/// Which deals are sent first, if many are due. A customer's are always sent in the order in which they were scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Priority {
    #[default]
    Normal,
    High,
}

impl Priority {
    /// In the order in which they are sent.
    pub(crate) const ALL: [Self; 2] = [Self::High, Self::Normal];

    /// As it is stored: higher ones first.
    pub(crate) const fn rank(self) -> i32 {
        match self {
            Self::Normal => 0,
            Self::High => 1,
        }
    }

    pub(crate) const fn of_rank(rank: i32) -> Self {
        if rank > 0 { Self::High } else { Self::Normal }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// Why a deal is not scheduled for a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotScheduled {
    OptedOut,
    QuietHours,
    UnknownCustomer,
}

impl NotScheduled {
    pub(crate) const ALL: [Self; 3] = [Self::OptedOut, Self::QuietHours, Self::UnknownCustomer];
}

/// What is wrong with a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DealProblem {
    pub kind: DealProblemKind,
    /// The part of the input.
    pub field: &'static str,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DealProblemKind {
    Text,
    Link,
    Period,
}

/// The texts of a deal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a> {
    pub title: &'a str,
    pub body: &'a str,
    pub deep_link: Option<&'a str>,
    pub image_url: Option<&'a str>,
}

/// The window of a deal without a start begins now.
pub(crate) fn window(
    start: Option<DateTime<Utc>>,
    end: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Window {
    Window {
        start: start.unwrap_or(now),
        end,
    }
}

pub(crate) fn check_texts(texts: Texts<'_>) -> Vec<DealProblem> {
    let mut problems = Vec::new();
    for (field, text, most) in [
        ("title", texts.title, MAX_TITLE),
        ("body", texts.body, MAX_BODY),
    ] {
        let message = if text.is_empty() || text.chars().count() > most {
            format!("This must have 1 to {most} characters")
        } else if text.chars().all(is_invisible) {
            "This must have a character that can be seen".to_owned()
        } else {
            continue;
        };
        problems.push(DealProblem {
            kind: DealProblemKind::Text,
            field,
            message,
        });
    }
    for (field, link, schemes) in [
        ("deepLink", texts.deep_link, &["vantage", "https"][..]),
        ("imageUrl", texts.image_url, &["https"][..]),
    ] {
        if let Some(link) = link
            && !is_link(link, schemes)
        {
            let starts: Vec<_> = schemes
                .iter()
                .map(|scheme| format!("{scheme}://"))
                .collect();
            problems.push(DealProblem {
                kind: DealProblemKind::Link,
                field,
                message: format!(
                    "This must start with {} and have at most {MAX_LINK} bytes",
                    starts.join(" or ")
                ),
            });
        }
    }
    problems
}

/// White space, control characters, and those without a glyph of their own: marks, which need another character to combine
/// with, Unicode's `Default_Ignorable_Code_Point`, the empty Braille pattern, interlinear annotations, and the musical null
/// notehead.
fn is_invisible(character: char) -> bool {
    let is_ignorable = matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    is_ignorable
        || is_combining_mark(character)
        || character.is_whitespace()
        || character.is_control()
}

fn is_link(link: &str, schemes: &[&str]) -> bool {
    let rest = schemes
        .iter()
        .find_map(|scheme| link.strip_prefix(scheme)?.strip_prefix("://"));
    let is_printable = link
        .chars()
        .all(|each| !each.is_control() && !each.is_whitespace());
    rest.is_some_and(|rest| !rest.is_empty()) && is_printable && link.len() <= MAX_LINK
}

pub(crate) fn check_window(window: Window, now: DateTime<Utc>) -> Option<DealProblem> {
    let problem = |field, message: &str| {
        Some(DealProblem {
            kind: DealProblemKind::Period,
            field,
            message: message.to_owned(),
        })
    };
    if window.end <= now {
        problem("windowEnd", "The window's end is in the past")
    } else if window.end <= window.start {
        problem("windowEnd", "The window must end after its start")
    } else if window.end - now > LONGEST {
        problem("windowEnd", "The window must end within 90 days")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_a_length_and_links_a_scheme() {
        let fields = |texts: Texts<'_>| -> Vec<&str> {
            check_texts(texts)
                .iter()
                .map(|problem| problem.field)
                .collect()
        };
        let good = Texts {
            title: "20 % off",
            body: "Today only",
            deep_link: Some("vantage://deals/7"),
            image_url: Some("https://cdn.example.com/7.png"),
        };
        assert!(fields(good).is_empty());
        let long = "ü".repeat(MAX_TITLE);
        assert!(
            fields(Texts {
                title: &long,
                ..good
            })
            .is_empty()
        );
        let longer = "ü".repeat(MAX_TITLE + 1);
        assert_eq!(
            fields(Texts {
                title: &longer,
                body: "  ",
                ..good
            }),
            ["title", "body"]
        );
        for nothing in [
            "",
            " \u{a0}",
            "\u{200b}",
            "\u{feff}\u{2060}\u{200d}",
            "\u{3164}",
            "\u{1d159}",
            "\u{300}",
            " \u{301}\u{20dd}\u{903}",
        ] {
            let (title, body) = (nothing, nothing);
            let expected = ["title", "body"];
            assert_eq!(
                fields(Texts {
                    title,
                    body,
                    ..good
                }),
                expected,
                "{nothing:?}"
            );
        }
        // A joiner between letters, and an emoji of several characters.
        for title in [
            "می\u{200c}خواهم",
            "\u{1f468}\u{200d}\u{1f469}",
            "\u{2764}\u{fe0f}",
            "a\u{300}",
            "\u{939}\u{93f}",
            "1\u{fe0f}\u{20e3}",
        ] {
            assert!(fields(Texts { title, ..good }).is_empty(), "{title:?}");
        }
        for link in [
            "vantage://",
            "javascript:alert(1)",
            "https://a b",
            "deals",
            "",
        ] {
            let deep_link = Some(link);
            assert_eq!(fields(Texts { deep_link, ..good }), ["deepLink"], "{link}");
        }
        let image_url = Some("http://cdn.example.com/7.png");
        assert_eq!(fields(Texts { image_url, ..good }), ["imageUrl"]);
    }

    #[test]
    fn a_window_ends_after_it_starts_and_soon() {
        let now = DateTime::UNIX_EPOCH;
        let check = |start: Option<i64>, end: i64, expected: bool| {
            let time = |hours| now + TimeDelta::hours(hours);
            let window = window(start.map(time), time(end), now);
            assert_eq!(
                check_window(window, now).is_none(),
                expected,
                "{start:?} {end}"
            );
        };
        check(None, 1, true);
        check(Some(-1), 1, true);
        check(Some(1), 1, false);
        check(None, 0, false);
        check(Some(-2), -1, false);
        check(Some(2_000), 90 * 24, true);
        check(None, 90 * 24 + 1, false);
    }
}
