//! Randomly generated supergraphs: interfaces and a union whose members are entities of two subgraphs.

use std::fmt::Write;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const HEADER: &str = r#"schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION) { query: Query }
enum join__Graph { A @join__graph(name: "a", url: "http://a") B @join__graph(name: "b", url: "http://b") }
"#;

const OBJECTS: usize = 5;
const INTERFACES: usize = 3;

pub(crate) fn supergraph(seed: u64) -> String {
    let mut random = StdRng::seed_from_u64(seed);
    let mut sdl = HEADER.to_owned();
    let interfaces: Vec<Vec<String>> = (0..INTERFACES)
        .map(|interface| {
            (0..random.random_range(1..4))
                .map(|field| format!("i{interface}f{field}: {}", type_of(&mut random)))
                .collect()
        })
        .collect();
    for (number, fields) in interfaces.iter().enumerate() {
        let _ = writeln!(
            sdl,
            "interface I{number} @join__type(graph: A) {{ id: ID! {} }}",
            fields.join(" ")
        );
    }
    for object in 0..OBJECTS {
        // Each interface has at least one implementation.
        let implemented: Vec<usize> = (0..INTERFACES)
            .filter(|interface| object == *interface || random.random_range(0..2) == 0)
            .collect();
        let names: Vec<String> = implemented.iter().map(|i| format!("I{i}")).collect();
        let _ = write!(sdl, "type T{object} ");
        if !names.is_empty() {
            let _ = write!(sdl, "implements {} ", names.join(" & "));
        }
        for name in &names {
            let _ = write!(sdl, "@join__implements(graph: A, interface: \"{name}\") ");
        }
        sdl.push_str(
            "@join__type(graph: A, key: \"id\") @join__type(graph: B, key: \"id\") { id: ID! ",
        );
        for interface in implemented {
            for field in &interfaces[interface] {
                let _ = write!(sdl, "{field} @join__field(graph: A) ");
            }
        }
        let (own, other) = (type_of(&mut random), ["Int", "String!"][object % 2]);
        let _ = writeln!(
            sdl,
            "t{object}a: {own} @join__field(graph: A) t{object}b: {other} @join__field(graph: B) }}"
        );
    }
    sdl.push_str("union U @join__type(graph: A) ");
    for object in 0..3 {
        let _ = write!(sdl, "@join__unionMember(graph: A, member: \"T{object}\") ");
    }
    sdl.push_str("= T0 | T1 | T2\ntype Query @join__type(graph: A) @join__type(graph: B) { ");
    for (number, ty) in ["I0", "[I1!]", "[I2]!", "U", "[T0]", "I0!"]
        .iter()
        .enumerate()
    {
        let _ = write!(sdl, "q{number}: {ty} @join__field(graph: A) ");
    }
    sdl.push_str("}\n");
    sdl
}

fn type_of(random: &mut StdRng) -> String {
    let number = random.random_range(0..OBJECTS);
    match random.random_range(0..9) {
        0 => format!("I{}", number % INTERFACES),
        1 => format!("[I{}!]", number % INTERFACES),
        2 => format!("T{number}"),
        3 => "U".to_owned(),
        4 => "Int!".to_owned(),
        5 => "[String]".to_owned(),
        _ => "String".to_owned(),
    }
}
