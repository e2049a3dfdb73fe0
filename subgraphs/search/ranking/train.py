#!/usr/bin/env python3
"""Trains the built-in ranking model from generated clicks, and writes it with some of its predictions.

    python3 -m venv /tmp/training
    /tmp/training/bin/pip install lightgbm==4.7.0
    /tmp/training/bin/python subgraphs/search/ranking/train.py

It writes model.txt, LightGBM's text format, and predictions.json, with which the tests check that Vantage evaluates the
model as LightGBM does. Both are always the same for one version of LightGBM on one kind of processor.

Replace `searches` by recorded searches and clicks to train a model for a shop: one row for each product that was shown,
with the features at that time (docs/search.md), and whether it was clicked.

The click model. A shopper sees the results of a search in random order, so that their positions say nothing about them,
and looks at position p (from 1) with the probability p^-0.5. They click what they looked at with the probability
1 / (1 + e^-(u - 8)), where the use of the product is

    u = 7 text + 3 similarity + 0.4 recency + popularity

so the text counts most, then what the shopper likes, what others buy, and what is new. Many results of a search match
its words in the same way, so their text scores are close to one of a few levels.
"""

import json
import pathlib

import lightgbm
import numpy

SEED = 20251009
SEARCHES = 20_000
RESULTS = 30
FEATURES = ["text_score", "preference_similarity", "recency", "popularity_7d"]
POSITION_BIAS = 0.5
HERE = pathlib.Path(__file__).parent

PARAMETERS = {
    # The score is the probability of a click.
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 12,
    "min_data_in_leaf": 200,
    # More of a feature never ranks a product lower.
    "monotone_constraints": [1, 1, 1, 1],
    "monotone_constraints_method": "advanced",
    "seed": SEED,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
TREES = 60


def searches(random):
    """The features and clicks of generated searches, row by row."""
    features, clicks = [], []
    for _ in range(SEARCHES):
        levels = random.beta(1.5, 1.5, random.integers(1, 7))
        text = random.choice(levels, RESULTS) * random.uniform(0.9, 1.0, RESULTS)
        text = text / text.max()
        # Every other shopper has not signed in, or is new. The others like some of the results.
        has_preference = random.random() < 1 / 2
        is_liked = random.random(RESULTS) < 0.4
        similarity = numpy.where(is_liked, random.uniform(0.3, 1.0, RESULTS), random.uniform(0.0, 0.3, RESULTS))
        similarity = similarity * has_preference
        recency = 0.5 ** (random.exponential(120.0, RESULTS) / 30.0)
        popularity = random.beta(0.8, 2.5, RESULTS) * (random.random(RESULTS) < 0.7)
        use = 7.0 * text + 3.0 * similarity + 0.4 * recency + popularity
        # Products are generated in random order.
        position = numpy.arange(1, RESULTS + 1)
        looked = random.random(RESULTS) < position**-POSITION_BIAS
        clicked = looked & (random.random(RESULTS) < 1.0 / (1.0 + numpy.exp(-(use - 8.0))))
        features.append(numpy.column_stack([text, similarity, recency, popularity]))
        clicks.append(clicked)
    return numpy.concatenate(features), numpy.concatenate(clicks)


def main():
    random = numpy.random.default_rng(SEED)
    features, clicks = searches(random)
    dataset = lightgbm.Dataset(
        features,
        label=clicks.astype(int),
        feature_name=FEATURES,
    )
    model = lightgbm.train(PARAMETERS, dataset, num_boost_round=TREES)
    model.save_model(HERE / "model.txt")
    # What was written counts, not what is in memory.
    model = lightgbm.Booster(model_file=HERE / "model.txt")
    edges = [[a, b, c, d] for a in (0.0, 1.0) for b in (0.0, 1.0) for c in (0.0, 1.0) for d in (0.0, 1.0)]
    rows = numpy.concatenate([edges, random.random((200, len(FEATURES)))]).round(6)
    predictions = model.predict(rows)
    lines = [
        json.dumps({"features": row, "prediction": prediction})
        for row, prediction in zip(rows.tolist(), predictions.tolist())
    ]
    (HERE / "predictions.json").write_text("[\n  " + ",\n  ".join(lines) + "\n]\n")
    print(f"{clicks.sum()} clicks in {SEARCHES} searches, {model.num_trees()} trees")
    importance = model.feature_importance("gain")
    for name, gain in zip(FEATURES, importance / importance.sum()):
        print(f"{name}: {gain:.1%} of the gain")


if __name__ == "__main__":
    main()
