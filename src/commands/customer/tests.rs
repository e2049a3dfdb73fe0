//! What the commands print, and where they write.

use std::path::Path;

use resolvers::erasure::Erased;

use super::export::destination;
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

#[test]
fn only_files_are_replaced_and_links_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().canonicalize().unwrap().join(name);
    assert_eq!(destination(&path("new.json")).unwrap(), path("new.json"));
    std::fs::write(path("old.json"), "before").unwrap();
    assert_eq!(destination(&path("old.json")).unwrap(), path("old.json"));
    std::os::unix::fs::symlink(path("old.json"), path("link.json")).unwrap();
    assert_eq!(destination(&path("link.json")).unwrap(), path("old.json"));
    for file in [Path::new("/dev/null"), directory.path()] {
        let error = destination(file).unwrap_err().to_string();
        assert!(error.contains("leaving out --output"), "{error}");
    }
}

#[test]
fn one_domain_without_rows_is_no_sign_of_a_wrong_customer() {
    let note = export::nothing("usr_1", Some(Domain::Pricing));
    assert_eq!(note, "note: nothing is stored of usr_1 in pricing");
    assert!(export::nothing("usr_1", None).contains("right customer"));
}
