// Pictures of products. Pages load nothing from other origins: pictures of the shop's own server are shown, whatever name
// it has in their addresses, and a parcel in place of others.

import { h } from "../shared/dom.js";

const OWN = /^\/pictures\/v\d+\/[a-z-]+\/\d+-\d+\.svg$/;
const PARCEL = "/pictures/v1/parcel/210-0.svg";

/** The path of a product's picture on this server. */
function path(address) {
  try {
    const { pathname } = new URL(address, location.href);
    return OWN.test(pathname) ? pathname : PARCEL;
  } catch {
    return PARCEL;
  }
}

/** The picture of a product. It is decoration: its title is always beside it. */
export function picture({ imageUrl }) {
  return h("img", {
    class: "picture",
    alt: "",
    width: 160,
    height: 120,
    loading: "lazy",
    decoding: "async",
    src: path(imageUrl ?? PARCEL),
  });
}
