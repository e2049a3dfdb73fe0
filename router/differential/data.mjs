// Resolvers of the subgraphs over a small fixed world. Some people cannot be read, some keys are
// null, some entities are unknown to some subgraphs.
import { GraphQLError } from "graphql";

const people = {
  p1: { id: "p1", email: "ann@x", name: "Ann", born: 1960, country: "SE", friends: ["p2", "p3", null], bestFriend: "p2", secret: "s1", mustHave: "m1" },
  p2: { id: "p2", email: "bo@x", name: "Bo", born: 1970, country: "NO", friends: ["p1", "p4"], bestFriend: "p5", secret: null, mustHave: "m2" },
  p3: { id: "p3", email: "cy@x", name: null, born: null, country: null, friends: [], bestFriend: null, secret: "FORBIDDEN", mustHave: "m3" },
  p4: { id: "p4", email: "di@x", name: "Di", born: 1990, country: "DK", friends: null, bestFriend: "p1", secret: "s4", mustHave: null },
  p5: { id: "p5", email: null, name: "Ed", born: 2000, country: "SE", friends: ["p6", "p1"], bestFriend: "p9", secret: "s5", mustHave: "m5" },
  p6: { id: "p6", email: "flo@x", name: "Flo", born: 1985, country: "FI", friends: ["p6"], bestFriend: "p6", secret: "s6", mustHave: "m6" },
};
const studios = {
  s1: { id: "s1", country: "SE", name: "North", founder: "p1", floors: 3, complaints: 2 },
  s2: { id: "s2", country: "DK", name: "South", founder: "p9", floors: null, complaints: 0 },
};
const books = {
  b1: { id: "b1", isbn: "i1", title: "One", maker: "s1", author: "p1", editors: ["p2", "p5"], weight: 100, size: [2, 3], related: ["b2", "f1"], price: 10, binding: "HARD", thickness: 4, stock: 5 },
  b2: { id: "b2", isbn: "i2", title: "Two", maker: "p2", author: "p3", editors: [], weight: 200, size: [4, 5], related: ["f2", null, "b1"], price: 20, binding: "SECRET", thickness: null, stock: 0 },
  b3: { id: "b3", isbn: "i3", title: "Three", maker: null, author: null, editors: null, weight: null, size: null, related: [], price: null, binding: null, thickness: 6, stock: 1 },
  b4: { id: "b4", isbn: "i4", title: "Four", maker: "p5", author: "p4", editors: ["p1"], weight: 300, size: [1, null], related: null, price: 40, binding: "SOFT", thickness: 9, stock: null },
};
const films = {
  f1: { id: "f1", title: "Uno", maker: "s2", director: "p1", cast: [["p1", "p2"], [], null, ["p3"]], related: ["b1"], minutes: 90, blob: { a: [1, { b: null }], c: "x" }, reel: 7, stock: 3 },
  f2: { id: "f2", title: "Dos", maker: "p6", director: "p3", cast: null, related: ["f2", "f1"], minutes: null, blob: [1, "two", null], reel: null, stock: 8 },
  f3: { id: "f3", title: "Tres", maker: "p1", director: null, cast: [["p6", null]], related: ["b3"], minutes: 120, blob: "text", reel: 1, stock: 2 },
};
const reviews = {
  r1: { id: "r1", stars: 5, text: "good", work: "b1", author: "p1", target: "s1", answers: [["Praise", "p2"], ["Complaint", "p1"]] },
  r2: { id: "r2", stars: 1, text: null, work: "f1", author: "p2", target: "p1", answers: [] },
  r3: { id: "r3", stars: 3, text: "so so", work: "b2", author: "p4", target: null, answers: [["Complaint", "p5"], null] },
  r4: { id: "r4", stars: 4, text: "fine", work: "f2", author: null, target: "s2", answers: null },
};

const byKey = (table, key, value) => Object.values(table).find((row) => row[key] === value) ?? null;
const typed = (type, row) => (row ? { __typename: type, ...row } : null);
const person = (id) => typed("Person", id && { id });
const studio = (id) => typed("Studio", id && studios[id] && { id, country: { code: studios[id].country } });
const maker = (id) => (id?.startsWith("s") ? studio(id) : person(id));
const refused = (message, code) => new GraphQLError(message, { extensions: { code } });

/** Resolvers of each subgraph over one world, with separate mutation counters until `reset()`. */
export function world() {
  let count = 0;
  const work = (id) => (id?.startsWith("b") ? book(id) : film(id));
  const book = (id) =>
    typed("Book", books[id] && {
      ...books[id],
      title: ({ upper }) => (upper ? books[id].title.toUpperCase() : books[id].title),
      kind: "BOOK",
      maker: () => maker(books[id].maker),
      author: () => person(books[id].author),
      editors: () => books[id].editors?.map(person),
      related: () => books[id].related?.map((other) => other && work(other)),
      dimensions: books[id].size && { width: books[id].size[0], height: books[id].size[1] },
      price: -1,
    });
  const film = (id) =>
    typed("Film", films[id] && {
      ...films[id],
      title: ({ upper }) => (upper ? films[id].title.toUpperCase() : films[id].title),
      kind: "FILM",
      maker: () => maker(films[id].maker),
      director: () => person(films[id].director),
      cast: () => films[id].cast?.map((row) => row?.map(person)),
      related: () => films[id].related?.map((other) => other && work(other)),
    });
  const filtered = ({ kind, minWeight, titles, only }) =>
    Object.values(books)
      .filter(({ weight }) => (weight ?? 0) >= (minWeight ?? 0))
      .filter(({ title }) => !titles || titles.includes(title))
      .filter(() => kind !== "FILM")
      .filter(({ id }) => !only || filtered(only).includes(id))
      .map(({ id }) => id);
  const byReference = (table, make) => ({ id, isbn }) => make(id ?? byKey(table, "isbn", isbn)?.id);
  const catalog = {
    Query: {
      work: (_, { id }) => work(id),
      works: (_, { first, kind }) => [...Object.keys(books), ...Object.keys(films)].map(work).filter((w) => !kind || w.kind === kind).slice(0, first),
      book: (_, { isbn }) => book(byKey(books, "isbn", isbn)?.id),
      books: (_, { filter }) => [...filtered(filter ?? {}).map(book), null],
      anything: () => [book("b1"), film("f1"), person("p2"), null, book("b4")],
      shelves: () => [[book("b1"), null, book("b2")], null, [], [book("b3")]],
      node: (_, { id }) => (id.startsWith("p") ? person(id) : work(id)),
      featured: () => studio("s1"),
      counter: () => 7,
    },
    Mutation: {
      addBook: (_, { title }) => ({ book: { ...book("b1"), title }, count: ++count, query: {} }),
      renameBook: (_, { isbn, title }) => ({ ...book(byKey(books, "isbn", isbn)?.id ?? "b2"), title: `${title}${++count}` }),
    },
    Media: { __resolveReference: ({ id }) => work(id) },
    Book: { __resolveReference: byReference(books, book) },
    Film: { __resolveReference: ({ id }) => film(id) },
    Person: { __resolveReference: ({ id }) => person(id) },
    Studio: { __resolveReference: ({ id }) => studio(id) },
  };

  const human = (row) =>
    typed("Person", row && {
      ...row,
      country: row.country && { code: row.country },
      friends: () => row.friends?.map((id) => human(people[id])),
      bestFriend: () => human(people[row.bestFriend]),
      secret: () => {
        if (row.secret === "FORBIDDEN") throw refused("not yours", "FORBIDDEN");
        return row.secret;
      },
    });
  const company = (id) => typed("Studio", studios[id] && { ...studios[id], country: { code: studios[id].country }, founder: () => human(people[studios[id].founder]) });
  const peopleResolvers = {
    Query: {
      people: (_, { first }) => Object.values(people).map(human).slice(0, first ?? 3),
      person: (_, { id }) => human(people[id]),
      makers: () => [human(people.p1), company("s1"), null, company("s2")],
      counter: () => 7,
    },
    Mutation: { rename: (_, { id, name }) => human({ ...(people[id] ?? people.p2), name: `${name}${++count}` }) },
    Person: {
      __resolveReference: ({ id, email }) => {
        if (id === "p9") throw refused("no such person", "NOT_FOUND");
        return human(id ? people[id] : byKey(people, "email", email));
      },
    },
    Studio: { __resolveReference: ({ id }) => company(id) },
    Country: { label: ({ code }, { lang }) => `${code}-${lang}` },
  };

  const reviewer = (id) => typed("Person", id && { id, name: people[id]?.name });
  const review = (row) =>
    typed("Review", row && {
      ...row,
      work: reviewable(row.work),
      author: reviewer(row.author),
      target: row.target?.startsWith("s") ? studio(row.target) : person(row.target),
      answers: row.answers?.map((answer) => answer && { __typename: answer[0], text: `${answer[0]} by ${answer[1]}`, by: person(answer[1]), hearts: 3, about: studio("s2") }),
    });
  const of = (id) => Object.values(reviews).filter((row) => row.work === id);
  const reviewed = (type) => ({
    __resolveReference: ({ id, kind }) => (id === "f3" ? null : typed(type, { id, kind })),
    reviews: ({ id }, { first }) => of(id).map(review).slice(0, first),
    average: ({ id }) => {
      if (id === "b4") throw refused("cannot count", "CONFLICT");
      return of(id).reduce((sum, { stars }) => sum + stars, 0) / 2;
    },
    label: ({ id, kind }) => `${kind} ${id}`,
  });
  const reviewable = (id) => (work(id) ? { __typename: id.startsWith("b") ? "Book" : "Film", id } : null);
  const reviewsResolvers = {
    Query: {
      latest: (_, { first }) => Object.values(reviews).map(review).slice(0, first),
      reviewsOf: (_, { ids }) => ids.map(reviewable),
      topRated: () => reviewable("f2"),
    },
    Mutation: { review: (_, { work, stars, words }) => review({ ...reviews.r1, id: `new${++count}`, work: books[work] ? work : "f1", stars, text: (words ?? []).join(" ") }) },
    Book: reviewed("Book"),
    Film: reviewed("Film"),
    Studio: { __resolveReference: ({ id, country }) => typed("Studio", { id, country, complaints: studios[id]?.complaints }) },
    Person: {
      __resolveReference: ({ id }) => {
        if (id === "p4") throw refused("out of reach", "NOT_FOUND");
        return person(id);
      },
      reviews: ({ id }) => Object.values(reviews).filter(({ author }) => author === id).map(review),
    },
    Review: { __resolveReference: ({ id }) => review(reviews[id]) },
  };

  const factor = (currency) => ({ EUR: 1, GBP: 2 })[currency] ?? 10;
  const stockOf = (row, given = {}) =>
    typed("Book", row && {
      ...given,
      isbn: row.isbn,
      weight: given.weight === undefined ? row.weight : given.weight,
      stock: row.stock,
      quotes: row.stock ? ["q", null, row.title] : null,
      price: ({ currency }) => row.price && row.price * factor(currency),
      shipping: ({ country }) => (given.weight == null ? null : given.weight + (given.dimensions?.width ?? 0) * (given.dimensions?.height ?? 1) + (country ?? "").length),
      parcel: () => (given.thickness == null ? null : { size: given.thickness * (given.weight ?? 1), book: stockOf(books.b2) }),
    });
  const stock = {
    Query: {
      warehouses: () => [
        { name: "W1", items: [stockOf(books.b1), { __typename: "Film", id: "f1", stock: 3 }, null], grid: [[stockOf(books.b2)], null, [{ __typename: "Film", id: "f2", stock: 8 }, stockOf(books.b3)]] },
        null,
        { name: "W2", items: [], grid: null },
      ],
      cheapest: () => stockOf(books.b1),
    },
    Book: {
      __resolveReference: (reference) => {
        return stockOf(byKey(books, "isbn", reference.isbn), reference);
      },
    },
    Film: {
      __resolveReference: ({ id, director }) => typed("Film", films[id] && { id, stock: films[id].stock, tax: director?.born ? director.born / 10 : null }),
    },
    Person: {
      __resolveReference: ({ id, born }) => typed("Person", { id, discount: born === 1970 ? null : born && 2000 - born }),
    },
  };

  const measured = (row, given = {}) =>
    typed("Book", row && {
      ...given,
      id: row.id,
      thickness: row.thickness,
      handling: ({ fast }) => (given.price == null ? null : given.price + (fast ? 100 : 1)),
      signature: given.maker === undefined ? null : JSON.stringify(given.maker),
      history: () => ({ previous: row.id === "b1" ? null : measured(books.b1), changes: [{ at: 1, by: person2("p1"), what: measured(books.b3) }, { at: 2, by: person2("p5"), what: studio("s2") }] }),
    });
  const person2 = (id) => typed("Person", { id, email: people[id].email });
  const measures = {
    Query: { measured: () => [measured(books.b1), null, measured(books.b2)] },
    Book: { __resolveReference: (reference) => measured(books[reference.id], reference) },
    Film: { __resolveReference: ({ id }) => (id === "f2" ? null : typed("Film", { id, reel: films[id]?.reel })) },
    Person: {
      __resolveReference: ({ email }) => {
        const row = email && byKey(people, "email", email);
        return row ? typed("Person", { email, shoeSize: row.born }) : null;
      },
    },
    Studio: { __resolveReference: ({ id, country }) => typed("Studio", { id, country, floors: studios[id]?.floors }) },
  };
  const scores = { b1: 7, b2: null, b3: 3, f1: 9, f2: 0 };
  const rating = (id, given = {}) =>
    typed("Media", id in scores && {
      ...given,
      id,
      score: ({ scale }) => scores[id] && (scores[id] * scale) / 10,
      rank: given.kind === undefined ? null : `${given.kind} of ${scores[id]}`,
      headline: given.title === undefined ? null : `${given.title}!`,
      sequel: () => rating({ b1: "b2", f1: "f2", f2: "b3" }[id]),
      critic: () => person({ b1: "p1", b2: "p9", f1: "p4" }[id]),
    });
  const ratings = {
    Query: {
      rated: (_, { first }) => ["f1", "b1", null, "b2", "f2"].map((id) => id && rating(id)).slice(0, first ?? 9),
      topPick: () => ({ media: rating("b1"), reason: "why not" }),
    },
    Mutation: {
      rate: (_, { id, score }) => {
        const known = rating(id in scores ? id : "f2");
        return { ...known, score: score + ++count };
      },
    },
    Media: { __resolveReference: (reference) => (reference.id === "b4" ? null : rating(reference.id, reference)) },
    Person: { __resolveReference: ({ id }) => ({ id, rates: () => (id === "p2" ? null : [rating("f1"), null, rating("b1")]) }) },
  };
  const reset = () => {
    count = 0;
  };
  return { resolvers: { catalog, people: peopleResolvers, reviews: reviewsResolvers, stock, measures, ratings }, reset };
}
