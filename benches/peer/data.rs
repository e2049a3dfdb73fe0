//! The data served by the subgraphs: users, products and reviews.

use std::sync::OnceLock;

use serde_json::Value;

const USERS: [(&str, &str, i64); 6] = [
    ("Customer of Leeds", "leeds", 1815),
    ("Customer of Porto", "porto", 1906),
    ("Customer of Gdańsk", "gdansk", 1939),
    ("Customer of Bilbao", "bilbao", 1930),
    ("Customer of Malmö", "malmo", 1938),
    ("Customer of Ghent", "ghent", 1932),
];

const PRODUCTS: [(&str, i64, i64, bool); 9] = [
    ("Table", 899, 100, true),
    ("Couch", 1299, 1000, false),
    ("Glass", 15, 20, false),
    ("Chair", 499, 100, true),
    ("Cabinet", 1399, 1000, true),
    ("Shelf, for \"books\"", 239, 400, false),
    ("Lamp – dimmable", 89, 30, true),
    ("Desk", 659, 800, true),
    ("Stool", 49, 50, true),
];

/// How many reviews there are. The response to the page grows with their third power.
pub(crate) static REVIEWS: OnceLock<usize> = OnceLock::new();

/// Of a page of 31 KB.
pub(crate) const FEW_REVIEWS: usize = 18;

fn reviews() -> Vec<Node> {
    indexes(*REVIEWS.get_or_init(|| FEW_REVIEWS), Node::Review)
}

/// An object that a subgraph can resolve.
#[derive(Clone, Copy)]
pub(crate) enum Node {
    Query,
    User(usize),
    /// With price and weight if the router sent them.
    Product(usize, Option<(i64, i64)>),
    Review(usize),
}

/// A field's value.
pub(crate) enum Answer {
    Leaf(Value),
    Node(Node),
    List(Vec<Node>),
}

impl Node {
    /// The entity identified by a representation.
    pub(crate) fn of_representation(representation: &Value) -> Option<Self> {
        let index = |key: &str| {
            let id: usize = representation[key].as_str()?.parse().ok()?;
            id.checked_sub(1)
        };
        Some(match representation["__typename"].as_str()? {
            "User" => Self::User(index("id")?),
            "Product" => {
                let price = representation["price"].as_i64();
                let weight = representation["weight"].as_i64();
                Self::Product(index("upc")?, price.zip(weight))
            }
            "Review" => Self::Review(index("id")?),
            _ => return None,
        })
    }

    pub(crate) fn typename(self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::User(_) => "User",
            Self::Product(..) => "Product",
            Self::Review(_) => "Review",
        }
    }

    /// The value of a field; `None` if it does not exist.
    pub(crate) fn field(self, name: &str) -> Option<Answer> {
        let leaf = |value: Value| Some(Answer::Leaf(value));
        let id = |index: usize| leaf((index + 1).to_string().into());
        match (self, name) {
            (Self::Query, "users") => Some(Answer::List(indexes(USERS.len(), Self::User))),
            (Self::Query, "topProducts") => {
                Some(Answer::List(indexes(5, |index| Self::Product(index, None))))
            }
            (Self::User(index), "id") => id(index),
            (Self::User(index), "name") => leaf(USERS.get(index)?.0.into()),
            (Self::User(index), "username") => leaf(USERS.get(index)?.1.into()),
            (Self::User(index), "birthday") => leaf(USERS.get(index)?.2.into()),
            (Self::User(index), "reviews") => Some(Answer::List(
                reviews()
                    .into_iter()
                    .filter(|review| matches!(review, Self::Review(n) if author(*n) == index))
                    .collect(),
            )),
            (Self::Product(index, _), "upc") => id(index),
            (Self::Product(index, _), "name") => leaf(PRODUCTS.get(index)?.0.into()),
            (Self::Product(index, _), "price") => leaf(PRODUCTS.get(index)?.1.into()),
            (Self::Product(index, _), "weight") => leaf(PRODUCTS.get(index)?.2.into()),
            (Self::Product(index, _), "inStock") => leaf(PRODUCTS.get(index)?.3.into()),
            // As in the original benchmark: expensive products ship for free.
            (Self::Product(_, Some((price, weight))), "shippingEstimate") => {
                leaf(if price > 1000 { 0 } else { weight / 2 }.into())
            }
            (Self::Product(index, _), "reviews") => Some(Answer::List(
                reviews()
                    .into_iter()
                    .filter(|review| matches!(review, Self::Review(n) if product(*n) == index))
                    .collect(),
            )),
            (Self::Review(index), "id") => id(index),
            (Self::Review(index), "body") => leaf(
                format!(
                    "Review {}: I like the {}.",
                    index + 1,
                    PRODUCTS.get(product(index))?.0
                )
                .into(),
            ),
            (Self::Review(index), "author") => Some(Answer::Node(Self::User(author(index)))),
            (Self::Review(index), "product") => {
                Some(Answer::Node(Self::Product(product(index), None)))
            }
            _ => None,
        }
    }
}

fn indexes(length: usize, node: impl Fn(usize) -> Node) -> Vec<Node> {
    (0..length).map(node).collect()
}

fn author(review: usize) -> usize {
    review % USERS.len()
}

fn product(review: usize) -> usize {
    review * 5 % PRODUCTS.len()
}
