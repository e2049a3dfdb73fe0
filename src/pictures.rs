//! Pictures of the demo shop's products: drawings by category, each in many colours. A path names one of a closed set, so
//! nothing that somebody sends becomes part of a picture.

#[cfg(test)]
mod tests;

use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::playground::{is_known, not_modified};

/// Where the pictures are. A path never gets another picture, since browsers keep them: other drawings are another
/// version.
const FOLDER: &str = "/pictures/v1";

/// Degrees between the hues of pictures.
const HUE_STEP: u16 = 15;
const HUES: u16 = 360 / HUE_STEP;

/// Shapes of 160 by 120 behind every drawing.
const BACKGROUNDS: [&str; 4] = [
    r#"<circle cx="80" cy="62" r="52" fill="{back}"/>"#,
    r#"<circle cx="24" cy="104" r="44" fill="{back}"/><circle cx="138" cy="18" r="34" fill="{back}"/>"#,
    r#"<path d="M0 84c40-26 60 10 100-8s50-10 60-16v60h-160z" fill="{back}"/>"#,
    r#"<path d="M-10 120l70-120h36l-70 120zM74 120l70-120h36l-70 120z" fill="{back}"/>"#,
];

/// What products of other categories have.
const PARCEL: &str = "parcel";

macro_rules! drawings {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("pictures/", $name, ".svg.in")))),+]
    };
}

/// Names and shapes of 160 by 120, with names of colours in braces.
const DRAWINGS: &[(&str, &str)] = drawings![
    "backpacks",
    "batteries",
    "cameras",
    "cleaning-chemicals",
    "earbuds",
    "engraved-jewelry",
    "furniture",
    "gift-cards",
    "headphones",
    "jackets",
    "keyboards",
    "kitchen",
    "laptops",
    "monitors",
    "monogrammed-accessories",
    "parcel",
    "phones",
    "shoes",
    "smart-home",
    "software-downloads",
    "toys",
];

/// Nothing that a picture contains may load or run anything, also when it is opened as a page.
const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "image/svg+xml"),
    (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The pictures under their paths.
pub(crate) fn routes() -> axum::Router {
    axum::Router::new().route(&format!("{FOLDER}/{{drawing}}/{{file}}"), get(answer))
}

/// The path of a picture for a product of this category. Different numbers have different colours.
pub(crate) fn path(category: &str, number: u32) -> String {
    let name = category.to_lowercase().replace(' ', "-");
    let known = DRAWINGS.iter().any(|(drawing, _)| *drawing == name);
    let drawing = if known { &name } else { PARCEL };
    let (number, hues) = (u64::from(number), u64::from(HUES));
    // A step that shares no factor with the number of hues: neighbours differ, and no hue is left out.
    let hue = number * 7 % hues * u64::from(HUE_STEP);
    let background = (number + number / hues) % BACKGROUNDS.len() as u64;
    format!("{FOLDER}/{drawing}/{hue}-{background}.svg")
}

async fn answer(Path((drawing, file)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(picture) = picture(&drawing, &file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // The path determines the contents.
    let tag = format!("\"{drawing}-{file}\"");
    if is_known(&headers, &tag) {
        return not_modified(&tag);
    }
    ([(ETAG, tag)], HEADERS, picture).into_response()
}

/// The picture that these parts of a path name.
fn picture(drawing: &str, file: &str) -> Option<String> {
    let (_, shapes) = DRAWINGS.iter().find(|(name, _)| *name == drawing)?;
    let (hue, background) = file.strip_suffix(".svg")?.split_once('-')?;
    let hue: u16 = hue.parse().ok().filter(|hue| *hue < 360)?;
    let background: usize = background.parse().ok()?;
    // Only one spelling of each, or caches would have copies.
    if !hue.is_multiple_of(HUE_STEP) || file != format!("{hue}-{background}.svg") {
        return None;
    }
    Some(draw(shapes, hue, BACKGROUNDS.get(background)?))
}

fn draw(shapes: &str, hue: u16, background: &str) -> String {
    let second = (hue + 32) % 360;
    let colours = [
        ("{back}", format!("hsl({hue}, 55%, 88%)")),
        ("{ink}", format!("hsl({hue}, 42%, 34%)")),
        ("{tint}", format!("hsl({second}, 62%, 62%)")),
        ("{light}", format!("hsl({hue}, 70%, 98%)")),
    ];
    let mut content = format!("{background}\n{shapes}");
    for (name, colour) in colours {
        content = content.replace(name, &colour);
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 120" width="640" height="480">
<defs><linearGradient id="wall" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="hsl({hue}, 50%, 97%)"/><stop offset="1" stop-color="hsl({second}, 48%, 91%)"/></linearGradient></defs>
<rect width="160" height="120" fill="url(#wall)"/>
{content}</svg>
"#
    )
}
