//! Every path has one picture, and a picture is nothing but shapes.

use std::collections::HashSet;

use super::*;

/// What pictures consist of.
const ELEMENTS: [&str; 7] = [
    "svg",
    "defs",
    "linearGradient",
    "stop",
    "rect",
    "circle",
    "path",
];

#[test]
fn every_path_names_a_picture_of_shapes_alone() {
    let mut pictures = HashSet::new();
    for (drawing, _) in DRAWINGS {
        for number in 0..HUES * 4 {
            let path = path(&drawing.replace('-', " "), number.into());
            let rest = path.strip_prefix("/pictures/v1/").unwrap();
            let (name, file) = rest.split_once('/').unwrap();
            assert_eq!(name, *drawing);
            let text = picture(name, file).unwrap();
            assert!(!text.contains('{'), "{path}: {text}");
            for tag in text.split('<').skip(1) {
                let name = tag.split([' ', '>']).next().unwrap();
                let name = name.trim_start_matches('/');
                assert!(ELEMENTS.contains(&name), "{path}: {tag}");
                assert!(
                    !tag.contains(" on") && !tag.contains("href"),
                    "{path}: {tag}"
                );
            }
            pictures.insert(text);
        }
    }
    assert_eq!(pictures.len(), DRAWINGS.len() * usize::from(HUES) * 4);
}

#[test]
fn products_of_unknown_categories_have_a_parcel() {
    assert_eq!(path("Smart Home", 1), "/pictures/v1/smart-home/105-1.svg");
    for odd in ["", "Gardens", "../etc", "<script>", "parcel\" onload=\"x"] {
        assert_eq!(path(odd, 0), "/pictures/v1/parcel/0-0.svg");
    }
}

#[test]
fn a_picture_has_one_path() {
    assert!(picture("shoes", "210-3.svg").is_some());
    for file in [
        "0210-3.svg",
        "210-03.svg",
        "+210-3.svg",
        "211-3.svg",
        "360-0.svg",
        "210-4.svg",
        "210-3.SVG",
        "210-3.png",
        "210-3",
        "-3.svg",
        "210--3.svg",
        "",
    ] {
        assert_eq!(picture("shoes", file), None, "{file}");
    }
    assert_eq!(picture("Shoes", "210-3.svg"), None);
    assert_eq!(picture("pictures/shoes", "210-3.svg"), None);
}
