//! The places that messages open: in the app, and on the web.

use url::Url;

/// The scheme of links into the app.
const APP: &str = "vantage://";

/// Where the shop is on the web.
#[derive(Clone, Debug)]
pub struct Links {
    /// Its address, to which the path of a link is appended.
    base: Url,
}

impl Links {
    pub const fn new(base: Url) -> Self {
        Self { base }
    }

    /// The address on the web of a link into the app: `vantage://orders/ord_…` is `https://shop.example/orders/ord_…`.
    /// Other links stay as they are.
    pub(crate) fn web(&self, link: &str) -> String {
        let Some(path) = link.strip_prefix(APP) else {
            return link.to_owned();
        };
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_into_the_app_has_a_place_on_the_web() {
        let check = |base: &str, link: &str, expected: &str| {
            let links = Links::new(base.parse().unwrap());
            assert_eq!(links.web(link), expected);
        };
        let order = "vantage://orders/ord_1";
        check(
            "https://shop.example",
            order,
            "https://shop.example/orders/ord_1",
        );
        check(
            "https://shop.example/us/",
            order,
            "https://shop.example/us/orders/ord_1",
        );
        check(
            "https://shop.example",
            "https://deals.example/?a=1",
            "https://deals.example/?a=1",
        );
        check(
            "https://shop.example",
            "vantage://a b/../c",
            "https://shop.example/a%20b/c",
        );
    }
}
