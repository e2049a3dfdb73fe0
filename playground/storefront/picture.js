// Pictures of products, drawn here: pages load nothing from other origins. A product always has the same picture.

const NAMESPACE = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Shapes of a drawing of 160 by 120. The class gives the colour: `ink`, `tint` or `light`.
const box = (x, y, width, height, rx, name) => svg("rect", { x, y, width, height, rx, class: name });
const disc = (cx, cy, r, name) => svg("circle", { cx, cy, r, class: name });
const shape = (d, name) => svg("path", { d, class: name });
const line = (d, name = "ink") => svg("path", { d, class: `line ${name}` });

const DRAWINGS = {
  Monitors: () => [
    shape("M70 82h20l4 16h-28z", "tint"),
    box(56, 96, 48, 6, 3, "ink"),
    box(30, 24, 100, 60, 5, "ink"),
    box(35, 29, 90, 50, 2, "light"),
    shape("M35 70l26-24 18 16 20-22 26 26v11a2 2 0 0 1-2 2h-86a2 2 0 0 1-2-2z", "tint"),
  ],
  Headphones: () => [
    line("M42 74v-10a38 38 0 0 1 76 0v10"),
    box(34, 66, 20, 36, 9, "tint"),
    box(106, 66, 20, 36, 9, "tint"),
    box(46, 64, 10, 40, 5, "ink"),
    box(104, 64, 10, 40, 5, "ink"),
  ],
  Earbuds: () => [
    box(46, 56, 68, 46, 18, "ink"),
    shape("M46 74a18 18 0 0 1 18-18h32a18 18 0 0 1 18 18z", "tint"),
    disc(80, 87, 3, "light"),
    disc(62, 34, 11, "ink"),
    box(64, 34, 9, 24, 4, "ink"),
    disc(98, 34, 11, "ink"),
    box(87, 34, 9, 24, 4, "ink"),
    disc(59, 33, 4, "light"),
    disc(101, 33, 4, "light"),
  ],
  Laptops: () => [
    box(40, 28, 80, 56, 5, "ink"),
    box(45, 33, 70, 46, 2, "light"),
    shape("M45 33h42l-30 46h-12z", "tint"),
    shape("M26 86h108l-6 10a6 6 0 0 1-5 3h-86a6 6 0 0 1-5-3z", "ink"),
    box(68, 86, 24, 4, 2, "light"),
  ],
  Phones: () => [
    box(54, 16, 52, 90, 10, "ink"),
    box(59, 22, 42, 78, 5, "light"),
    shape("M59 70l42-30v55a5 5 0 0 1-5 5h-32a5 5 0 0 1-5-5z", "tint"),
    box(73, 25, 14, 4, 2, "ink"),
  ],
  Cameras: () => [
    shape("M62 32h36l6 12h-48z", "tint"),
    box(32, 42, 96, 56, 9, "ink"),
    box(112, 48, 9, 6, 2, "light"),
    disc(80, 70, 23, "light"),
    disc(80, 70, 17, "tint"),
    disc(80, 70, 9, "ink"),
    disc(76, 66, 3, "light"),
  ],
  Keyboards: () => [
    box(22, 40, 116, 48, 7, "ink"),
    ...[0, 1, 2].flatMap((row) =>
      Array.from({ length: 9 }, (_, key) =>
        box(29 + key * 11.6, 47 + row * 11, 9, 8, 2, key === row ? "tint" : "light"),
      ),
    ),
    box(52, 79, 56, 5, 2, "light"),
  ],
  "Smart Home": () => [
    shape("M80 22l46 38h-12v40h-68v-40h-12z", "ink"),
    disc(80, 82, 4, "light"),
    line("M68 72a17 17 0 0 1 24 0", "light"),
    line("M60 63a28 28 0 0 1 40 0", "tint"),
  ],
  Batteries: () => [
    box(46, 32, 28, 72, 5, "ink"),
    box(53, 25, 14, 8, 2, "tint"),
    box(46, 52, 28, 34, 0, "tint"),
    box(86, 32, 28, 72, 5, "ink"),
    box(93, 25, 14, 8, 2, "tint"),
    box(86, 52, 28, 34, 0, "light"),
    shape("M102 54l-9 17h7l-2 13 9-17h-7z", "ink"),
  ],
  "Cleaning Chemicals": () => [
    shape("M66 46h26l8 18v36a6 6 0 0 1-6 6h-30a6 6 0 0 1-6-6v-36z", "tint"),
    box(58, 68, 42, 24, 0, "light"),
    box(68, 34, 22, 14, 2, "ink"),
    shape("M62 22h34a8 8 0 0 1 8 8v4h-42z", "ink"),
    disc(46, 26, 3, "tint"),
    disc(38, 20, 2.5, "tint"),
    disc(38, 32, 2.5, "tint"),
  ],
  "Gift Cards": () => [
    box(28, 34, 104, 62, 8, "ink"),
    box(28, 52, 104, 10, 0, "tint"),
    box(52, 34, 10, 62, 0, "tint"),
    shape("M57 57c-18-20-30 0-2 2zM57 57c18-20 30 0 2 2z", "light"),
    box(92, 78, 28, 6, 3, "light"),
  ],
  "Software Downloads": () => [
    box(34, 26, 92, 68, 7, "ink"),
    box(39, 40, 82, 49, 3, "light"),
    disc(43, 33, 2.5, "tint"),
    disc(51, 33, 2.5, "tint"),
    disc(59, 33, 2.5, "tint"),
    shape("M74 46h12v16h11l-17 18-17-18h11z", "tint"),
  ],
  "Engraved Jewelry": () => [
    line("M44 22c0 44 72 44 72 0", "ink"),
    disc(80, 80, 24, "tint"),
    disc(80, 80, 18, "light"),
    shape("M80 90c-20-14-10-24 0-15 10-9 20 1 0 15z", "ink"),
    disc(80, 55, 4, "ink"),
  ],
  "Monogrammed Accessories": () => [
    box(36, 42, 88, 56, 9, "ink"),
    shape("M36 52a10 10 0 0 1 10-10h68a10 10 0 0 1 10 10v14h-88z", "tint"),
    disc(80, 66, 9, "light"),
    disc(80, 66, 4, "ink"),
    line("M62 42v-8a6 6 0 0 1 6-6h24a6 6 0 0 1 6 6v8"),
  ],
  Shoes: () => [
    shape("M30 42c10 8 18 8 24 2l24 26c10 6 30 6 44 12 8 4 9 10 8 14h-100c-4-16-4-36 0-54z", "ink"),
    shape("M30 88h100v6a6 6 0 0 1-6 6h-88a6 6 0 0 1-6-6z", "tint"),
    line("M62 58l9-7M70 67l9-7M79 75l8-7", "light"),
  ],
  Jackets: () => [
    shape("M62 24l-22 10-14 50 16 5 6-20v36h64v-36l6 20 16-5-14-50-22-10-18 10z", "ink"),
    shape("M62 24l18 34 18-34-18 10z", "tint"),
    box(79, 56, 3, 49, 0, "light"),
    box(58, 78, 12, 3, 1, "light"),
    box(91, 78, 12, 3, 1, "light"),
  ],
  Backpacks: () => [
    line("M66 30v-6a8 8 0 0 1 8-8h12a8 8 0 0 1 8 8v6"),
    box(34, 62, 18, 34, 8, "tint"),
    box(108, 62, 18, 34, 8, "tint"),
    shape("M46 58a34 32 0 0 1 68 0v42a7 7 0 0 1-7 7h-54a7 7 0 0 1-7-7z", "ink"),
    box(58, 70, 44, 28, 6, "light"),
    box(58, 76, 44, 5, 0, "tint"),
    box(66, 46, 28, 6, 3, "light"),
  ],
  Kitchen: () => [
    box(42, 50, 76, 50, 8, "ink"),
    box(26, 58, 18, 8, 4, "tint"),
    box(116, 58, 18, 8, 4, "tint"),
    shape("M40 48a40 16 0 0 1 80 0z", "tint"),
    disc(80, 31, 5, "ink"),
    line("M54 66v18", "light"),
  ],
  Furniture: () => [
    box(46, 32, 68, 40, 10, "tint"),
    box(28, 52, 22, 38, 9, "ink"),
    box(110, 52, 22, 38, 9, "ink"),
    box(46, 66, 68, 24, 5, "ink"),
    box(50, 62, 60, 12, 6, "light"),
    box(38, 90, 6, 12, 2, "tint"),
    box(116, 90, 6, 12, 2, "tint"),
  ],
  Toys: () => [
    disc(54, 34, 12, "ink"),
    disc(106, 34, 12, "ink"),
    disc(54, 34, 6, "tint"),
    disc(106, 34, 6, "tint"),
    disc(80, 56, 34, "ink"),
    disc(80, 66, 15, "light"),
    disc(67, 48, 4, "light"),
    disc(93, 48, 4, "light"),
    shape("M73 62h14l-7 8z", "ink"),
    shape("M56 90l24 8 24-8v16l-24-8-24 8z", "tint"),
  ],
};

/** What other categories have: a parcel. */
const parcel = () => [
  shape("M80 22l44 20v42l-44 22-44-22v-42z", "ink"),
  shape("M80 62l44-20v42l-44 22z", "tint"),
  shape("M80 62l-44-20 44-20 44 20z", "light"),
  line("M58 32l44 20v16", "ink"),
];

/** Four backgrounds, behind every drawing. */
const BACKGROUNDS = [
  () => [disc(80, 62, 52, "back")],
  () => [disc(24, 104, 44, "back"), disc(138, 18, 34, "back")],
  () => [shape("M0 84c40-26 60 10 100-8s50-10 60-16v60h-160z", "back")],
  () => [shape("M-10 120l70-120h36l-70 120zM74 120l70-120h36l-70 120z", "back")],
];

/** A number that follows from a text alone: FNV-1a, with the last step of MurmurHash3 to spread similar texts. */
function hash(text) {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** The picture of a product: what its category is drawn as, in colours of its own. */
export function picture({ id, category }) {
  const number = hash(id);
  const drawing = DRAWINGS[category] ?? parcel;
  const background = BACKGROUNDS[(number >>> 16) % BACKGROUNDS.length];
  const picture = svg("svg", { viewBox: "0 0 160 120", class: "picture", "aria-hidden": "true" });
  picture.append(...background(), ...drawing());
  picture.style.setProperty("--hue", String(number % 360));
  return picture;
}
