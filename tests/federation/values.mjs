// Argument values: mostly from the shop, some unknown or invalid.

import {
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
} from "graphql";

/** The kind of an `id` argument, by field. */
const KINDS = {
  order: "orders",
  product: "products",
  return: "returns",
  returnCancel: "returns",
  shipment: "shipments",
};

/** Kinds of other arguments and input fields. */
const NAMED_KINDS = {
  customerId: "customers",
  orderId: "orders",
  orderItemId: "items",
  productId: "products",
};

const STRINGS = {
  query: ["", "headphones", "hedphones", "lumora pro", "monitor 4k", "zzzz", 'say "ü"'],
  prefix: ["l", "he", "4k", "", "zz"],
  shippingCountry: ["DE", "us", "JP", "ZZ", "Germany"],
  billingCountry: ["FR", "GB", "", "XX"],
  timezone: ["Europe/Berlin", "America/New_York", "Mars/Base"],
  region: ["us", "eu", "nowhere"],
  reasonText: ["too small", "", "It's \\ not \"mine\" 🎧"],
  reasonCode: ["WRONG_SIZE", "DEFECTIVE", "CHANGED_MIND", "nonsense"],
  categories: ["Electronics", "audio", "home"],
  brands: ["Lumora", "nobody"],
};

export class Values {
  constructor(random, shop, seed) {
    this.random = random;
    this.shop = shop;
    this.seed = seed;
    this.keys = 0;
  }

  /** A value of this type, as JSON, for the argument or input field `name` of a field. */
  of(type, name, field) {
    if (isNonNullType(type)) {
      return this.of(type.ofType, name, field);
    }
    const { random } = this;
    if (isListType(type)) {
      const count = random.chance(0.1) ? 0 : 1 + random.below(3);
      return Array.from({ length: count }, () => this.of(type.ofType, name, field));
    }
    if (isEnumType(type)) {
      return random.pick(type.getValues()).name;
    }
    if (isInputObjectType(type)) {
      const value = {};
      for (const input of Object.values(type.getFields())) {
        if (isRequiredInputField(input) || random.chance(0.4)) {
          const isNull = !isNonNullType(input.type) && random.chance(0.05);
          value[input.name] = isNull ? null : this.of(getNullableType(input.type), input.name, field);
        }
      }
      return value;
    }
    switch (type.name) {
      case "ID":
        return this.id(NAMED_KINDS[name] ?? KINDS[field] ?? "products");
      case "Int":
        return this.integer(name);
      case "Float":
        return random.pick([4, 4.5, 0, 1]);
      case "Boolean":
        return random.chance(0.5);
      case "Decimal":
        return random.pick(["12.34", "0", "-5.00", "99999.999", "abc", "", 7, 12.5]);
      case "DateTime":
        return "2026-01-01T00:00:00Z";
      case "LocalTime":
        // Malformed values may be rejected before or after the caller is.
        return random.pick(["22:00", "07:30"]);
      default:
        return this.string(name);
    }
  }

  id(kind) {
    const { random, shop } = this;
    if (random.chance(0.85) && shop[kind].length > 0) {
      return random.pick(shop[kind]);
    }
    const other = random.pick(Object.keys(shop).filter((one) => shop[one].length > 0));
    const unknown = random.pick(shop[kind].length > 0 ? shop[kind] : shop.products);
    return random.pick([
      random.pick(shop[other]),
      `${unknown.slice(0, -4)}0000`,
      "nonsense",
      "",
      "ord_01h455vb4pex5vsknk084sn02q",
    ]);
  }

  integer(name) {
    const { random } = this;
    if (name === "first" || name === "last") {
      return random.chance(0.93) ? 1 + random.below(3) : random.pick([0, -1, 100, 101]);
    }
    return random.pick([1, 1, 2, 3, 0]);
  }

  string(name) {
    const { random, shop } = this;
    if (name === "idempotencyKey") {
      this.keys += 1;
      return `differential-${this.seed}-${this.keys}`;
    }
    if (name === "after" || name === "before") {
      return random.chance(0.8) ? random.pick(shop.cursors) : "nonsense";
    }
    if (name === "token") {
      // Valid ones only, since an address may try only five invalid ones a minute.
      return random.pick(shop.tokens);
    }
    return random.pick(STRINGS[name] ?? ["text", ""]);
  }
}
