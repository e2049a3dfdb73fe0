//! What the commands print, and where they write.

use std::path::Path;

use resolvers::erasure::Erased;

use super::{erase, export, parse};
use crate::domains::Domain;

#[test]
fn a_line_says_what_was_erased_and_what_will_be() {
    let mut erased = Erased::default();
    assert_eq!(
        erase::line(Domain::Search, &erased),
        "search: nothing to erase"
    );
    erased.count("orders", 2);
    erased.count("customers", 1);
    erased.count("orders", 1);
    erased.count("order_events", 0);
    assert_eq!(
        erase::line(Domain::Orders, &erased),
        "orders: customers 1, orders 3"
    );
    let parcels = Erased {
        open: vec!["shp_1".to_owned(), "shp_2".to_owned()],
        ..Erased::default()
    };
    assert_eq!(
        erase::line(Domain::Tracking, &parcels),
        "tracking: nothing to erase; once they are settled: shp_1, shp_2"
    );
}

#[test]
fn a_refusal_names_what_is_not_settled() {
    let open = ["ord_1".to_owned(), "ret_1".to_owned()];
    let refusal = erase::refusal("usr_1", &open);
    assert!(refusal.contains("usr_1"), "{refusal}");
    assert!(refusal.contains("ord_1, ret_1"), "{refusal}");
}

#[test]
fn only_ids_of_customers_are_accepted() {
    let error = parse("ord_01jgfjjz00fn5av7nnwvhbdmgn").unwrap_err();
    assert!(error.to_string().contains("usr_…"), "{error}");
    assert!(parse("usr_01jgfjjz00fn5av7nnwvhbdmgn").is_ok());
}

#[test]
fn a_file_is_written_beside_where_it_will_be() {
    for (file, directory) in [
        ("export.json", "."),
        ("exports/export.json", "exports"),
        ("/exports/export.json", "/exports"),
    ] {
        assert_eq!(export::directory(Path::new(file)), Path::new(directory));
    }
}
