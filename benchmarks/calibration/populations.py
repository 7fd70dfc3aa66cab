"""The populations that windows are drawn from: eight kinds of data that people have."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np

from benchmarks.calibration.samples import Population, Sample, Texts, answered, chosen, with_gaps

Random = np.random.Generator
PRODUCTS: Final = 3000
SESSION_SHARE: Final = 0.7  # of a number's variance that the records of one session have in common
RHO: Final = 0.3  # correlation of one session with the next
# of a mean: noise, and the sessions' share times a session's 2.6 records (seen from a record) times (1 + rho) / (1 - rho): 3.7
DESIGN_EFFECT: Final = 4.0


def _signs(texts: Texts, size: float) -> np.ndarray:
    """What each word contributes: fixed numbers that alternate in sign, 0 where the word is missing."""
    effects = np.array([size * (-1) ** place / (1 + place % 5) for place in range(len(texts.words))] + [0.0])
    return effects[texts.codes]


def heavy_tails(random: Random, size: int) -> Sample:
    """Means that do not settle: Pareto with index 1.2, Cauchy, Student's t with 2, lognormal with sigma 2, Zipf counts."""
    x, amount, change = random.normal(size=size), random.lognormal(0, 2, size), random.standard_t(2, size)
    loss, ratio, visits = random.pareto(1.2, size), random.standard_cauchy(size), random.zipf(2.0, size)
    sex = chosen(random, size, ("f", "m"), (1, 1))
    features = {"x": x, "amount": amount, "loss": loss, "ratio": ratio, "change": change}
    parts = {
        "x": 1.2 * x,
        "amount": 0.4 * np.log(amount),
        "loss": np.log1p(loss) - 0.8,
        "ratio": 0.5 * np.arctan(ratio),
        "change": 0.3 * np.clip(change, -20, 20),
        "visits": 0.2 * np.log(visits),
        "sex": _signs(sex, 0.2),
    }
    return answered(random, features | {"visits": np.minimum(visits, 10**9), "sex": sex}, parts)


@cache
def _product_names() -> tuple[str, ...]:
    return tuple(f"product {number}" for number in range(PRODUCTS))


def rare_categories(random: Random, size: int) -> Sample:
    """Most words are rare: 3,000 products by Zipf's law, colours down to one in 2,000, an id that never repeats."""
    x = random.normal(size=size)
    product = chosen(random, size, _product_names(), 1 / np.arange(1, PRODUCTS + 1) ** 1.1)
    colour = chosen(random, size, ("red", "blue", "green", "teal", "plum"), (0.6, 0.3, 0.0985, 0.001, 0.0005))
    device = chosen(random, size, [f"device {n}" for n in range(40)], 0.8 ** np.arange(40))
    region = chosen(random, size, ("north", "south", "east", "west"), (4, 3, 2, 1))
    names, codes = np.unique(random.integers(0, 2**40, size), return_inverse=True)
    order = Texts(codes.astype(np.int32), tuple(f"{name:010x}" for name in names.tolist()))
    zone = random.geometric(0.02, size)
    features = {"x": x, "product": product, "colour": colour, "device": device, "region": region}
    parts = {
        "x": 1.2 * x,
        "product": _signs(product, 0.8),
        "colour": _signs(colour, 0.6),
        "device": _signs(device, 0.5),
        "region": _signs(region, 0.4),
        "order": np.zeros(size),
        "zone": 0.01 * (zone - 50.0),
    }
    return answered(random, features | {"order": order, "zone": zone}, parts)


def nullable(random: Random, size: int) -> Sample:
    """Columns of which 0.02, 0.1, 1, 5, 20 and 60 % are missing, of every type, truth values among them."""
    x, sex = random.normal(size=size), chosen(random, size, ("f", "m"), (1, 1))
    income = with_gaps(random, random.lognormal(0, 0.5, size), 0.05)
    visits = with_gaps(random, random.poisson(4, size), 0.2)
    phone = with_gaps(random, chosen(random, size, ("home", "mobile", "work"), (5, 4, 1)), 0.6)
    verified = with_gaps(random, chosen(random, size, ("true", "false"), (7, 3)), 0.01)
    referrer = with_gaps(random, chosen(random, size, [f"site {n}" for n in range(12)], 0.7 ** np.arange(12)), 0.001)
    rating = with_gaps(random, random.uniform(0, 10, size), 0.0002)
    features = {"x": x, "income": income, "visits": visits, "phone": phone, "verified": verified}
    parts = {
        "x": 1.5 * x,
        "income": np.nan_to_num(np.log(income)),  # type: ignore[arg-type]
        "visits": np.nan_to_num(0.25 * (visits - 4)),  # type: ignore[operator]
        "phone": _signs(phone, 0.6),  # type: ignore[arg-type]
        "verified": _signs(verified, 0.5),  # type: ignore[arg-type]
        "referrer": _signs(referrer, 0.3),  # type: ignore[arg-type]
        "rating": np.nan_to_num(0.1 * (rating - 5)),  # type: ignore[operator]
        "sex": _signs(sex, 0.2),
    }
    return answered(random, features | {"referrer": referrer, "rating": rating, "sex": sex}, parts)


def small_groups(random: Random, size: int) -> Sample:
    """Eight groups from 55 % down to 0.5 % of the records, with other shares of positives; all features are numbers."""
    origin = random.choice(8, size, p=(0.55, 0.2, 0.1, 0.07, 0.04, 0.02, 0.015, 0.005)).astype(np.int64)
    age = np.clip(random.normal(45, 15, size), 18, 95).astype(np.int64)
    sex, x, hours = random.integers(0, 2, size), random.normal(size=size), random.gamma(2, 10, size)
    parts = {
        "x": 1.4 * x,
        "hours": 0.03 * (hours - 20),
        "origin": 0.15 * (origin - 1.0),
        "age": 0.02 * (age - 45.0),
        "sex": 0.3 * (sex - 0.5),
    }
    return answered(random, {"x": x, "hours": hours, "origin": origin, "age": age, "sex": sex}, parts)


def imbalanced(random: Random, size: int) -> Sample:
    """One record in about seventy is positive, two in five of those are found; of features some are nearly always 0."""
    x, risk = random.normal(size=size), random.exponential(1, size)
    claims, alarm = random.poisson(0.05, size), (random.random(size) < 0.003).astype(np.int64)
    sex = chosen(random, size, ("f", "m"), (1, 1))
    parts = {
        "x": 3.0 * x,
        "risk": 1.5 * risk,
        "claims": 2.0 * claims,
        "alarm": 6.0 * alarm,
        "sex": _signs(sex, 0.2),
    }
    return answered(random, {"x": x, "risk": risk, "claims": claims, "alarm": alarm, "sex": sex}, parts, start=-10.5)


def hours(random: Random, size: int) -> Sample:
    """Records come in sessions of two or three that are alike, and each session resembles the one before.

    A session's level is a stationary AR(1) series of normal numbers with rho 0.3. A record's number is made of that level
    (70 % of its variance) and of noise of its own (30 %); the records of a session have one device and one sex.
    Labels are drawn for each record. A baseline is one longer stretch of the same series.
    """
    lengths = random.integers(2, 4, size // 2 + 1)
    session = np.repeat(np.arange(lengths.size), lengths)[:size]
    count = int(session[-1]) + 1 if size else 0

    def number() -> np.ndarray:
        shared = math.sqrt(SESSION_SHARE) * series(random, count)[session]
        return shared + math.sqrt(1 - SESSION_SHARE) * random.normal(size=size)

    device = chosen(random, count, ("phone", "tablet", "desk", "watch"), (50, 15, 34, 1))
    sex = chosen(random, count, ("f", "m"), (1, 1))
    device, sex = Texts(device.codes[session], device.words), Texts(sex.codes[session], sex.words)
    x, load, pages = number(), np.exp(number()), np.floor(np.exp(0.8 * number() + 1)).astype(np.int64)
    parts = {
        "x": 1.2 * x,
        "load": 0.6 * np.log(load),
        "pages": 0.05 * (pages - 3.0),
        "device": _signs(device, 0.5),
        "sex": _signs(sex, 0.2),
    }
    return answered(random, {"x": x, "load": load, "pages": pages, "device": device, "sex": sex}, parts)


def series(random: Random, count: int) -> np.ndarray:
    """A stationary AR(1) series with unit variance."""
    noise = random.normal(size=count)
    found = noise * math.sqrt(1 - RHO**2)
    found[:1] = noise[:1]
    steps = np.arange(min(count, 40))  # 0.3 to the 40th is nothing
    return np.convolve(found, RHO**steps)[:count]


def amounts(random: Random, size: int) -> Sample:
    """A number is predicted; its errors have heavy tails (Student's t with 3) and grow with it."""
    x, area = random.normal(size=size), random.gamma(3, 30, size)
    rooms, sex = random.poisson(3, size), chosen(random, size, ("f", "m"), (1, 1))
    parts = {"x": 20 * x, "area": 1.5 * (area - 90), "rooms": 8.0 * (rooms - 3), "sex": _signs(sex, 4)}
    attributions = np.stack([parts[name] for name in ("x", "area", "rooms", "sex")])
    said = 300 + attributions.sum(axis=0)
    label = said + 0.05 * np.abs(said) * random.standard_t(3, size)
    return Sample({"x": x, "area": area, "rooms": rooms, "sex": sex}, label, said, None, attributions)


def classes(random: Random, size: int) -> Sample:
    """One of five classes is predicted, the rarest of 2 % of the records; eight in ten predictions are right."""
    label = random.choice(5, size, p=(0.4, 0.3, 0.2, 0.08, 0.02)).astype(np.int64)
    said = np.where(random.random(size) < 0.75, label, random.choice(5, size, p=(0.4, 0.3, 0.2, 0.08, 0.02)))
    x, y = label + random.normal(size=size), random.normal(size=size)
    sex = chosen(random, size, ("f", "m"), (1, 1))
    attributions = np.stack([0.5 * (x - 1), 0.4 * y, _signs(sex, 0.3)])
    return Sample({"x": x, "y": y, "sex": sex}, label, said.astype(np.int64), random.beta(5, 2, size), attributions)


SEX: Final = ({"name": "sex", "values": ["f"]},)
POPULATIONS: Final = tuple(
    Population(make.__name__, (make.__doc__ or "").splitlines()[0], make, facets, **more)  # type: ignore[arg-type]
    for make, facets, more in (
        (heavy_tails, SEX, {}),
        (rare_categories, ({"name": "region"},), {}),
        (nullable, SEX, {}),
        (
            small_groups,
            (
                {"name": "origin"},
                {"name": "age", "values": [60], "read_as": "threshold"},
                {"name": "sex", "values": [0]},
            ),
            {},
        ),
        (imbalanced, SEX, {}),
        (amounts, SEX, {"quality": {"problem_type": "regression"}, "label_values": (350,)}),
        (classes, SEX, {"quality": {"problem_type": "multiclass"}, "label_values": (2,)}),
        (hours, SEX, {"design_effect": DESIGN_EFFECT}),
    )
)


def find(name: str) -> Population:
    """A population by its name."""
    return next(each for each in POPULATIONS if each.name == name)
