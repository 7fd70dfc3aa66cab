"""Forest cover: seven classes, integers and texts, from a generator of our own in the layout of UCI's data set."""

from __future__ import annotations

import numpy as np

from demo.data import SEED, Columns, Dataset, Mode, Table, Value, json_columns

COVER_SHARES = (0.30, 0.34, 0.11, 0.04, 0.06, 0.07, 0.08)
ELEVATION_METRES = (3130, 2920, 2400, 2220, 2790, 2420, 3360)
WARMTH = (-5, 5, 6, -7, 9, -9, -2)  # degrees Fahrenheit that a class lies above what its elevation suggests
WILDERNESS = ("Cache", "Commanche", "Neota", "Rawah")
WILDERNESS_SHARES = (
    (0.03, 0.39, 0.09, 0.49),
    (0.04, 0.42, 0.04, 0.50),
    (0.58, 0.38, 0.02, 0.02),
    (0.90, 0.06, 0.02, 0.02),
    (0.04, 0.56, 0.04, 0.36),
    (0.53, 0.42, 0.02, 0.03),
    (0.02, 0.62, 0.11, 0.25),
)
SOILS = ("C2703", "C2717", "C4703", "C4744", "C4758", "C6731", "C7201", "C7700", "C7745", "C7756", "C8771", "C8772")
BROKEN_TYPE = "Slope"  # stored as integer, arrives as 37.0
BROKEN_ABSENT = "Hillshade_Noon"
DRIFTING = "Temperature"  # Fahrenheit in training, Celsius after a change of supplier


def draw_covertype(count: int, random: np.random.Generator) -> Table:
    """Records in the layout of UCI's forest cover data, classes first and the terrain given the class."""
    cover = random.choice(len(COVER_SHARES), size=count, p=COVER_SHARES)
    elevation = np.asarray(ELEVATION_METRES)[cover] + random.normal(0, 120, count)
    temperature = 60 - (elevation - 2700) * 0.012 + np.asarray(WARMTH)[cover] + random.normal(0, 2.5, count)
    aspect = random.integers(0, 360, count)
    slope = np.clip(random.gamma(3.5, 4, count), 0, 60)
    sun = np.deg2rad(aspect)
    hydrology = random.gamma(1.6, 165, count)
    wilderness = [WILDERNESS[random.choice(4, p=WILDERNESS_SHARES[kind])] for kind in cover]
    soil = np.where(random.random(count) < 0.5, cover * 12 // 7, random.integers(0, len(SOILS), count))
    columns = {
        "Elevation": elevation,
        "Aspect": aspect,
        "Slope": slope,
        "Horizontal_Distance_To_Hydrology": hydrology,
        "Vertical_Distance_To_Hydrology": hydrology * 0.18 + random.normal(0, 25, count),
        "Horizontal_Distance_To_Roadways": random.gamma(2.2, 1050, count),
        "Hillshade_9am": np.clip(218 + slope * 1.3 * np.sin(sun) + random.normal(0, 9, count), 0, 254),
        "Hillshade_Noon": np.clip(225 - slope * 0.9 * np.cos(sun) + random.normal(0, 8, count), 0, 254),
        "Hillshade_3pm": np.clip(142 - slope * 1.6 * np.sin(sun) + random.normal(0, 14, count), 0, 254),
        "Horizontal_Distance_To_Fire_Points": random.gamma(2.1, 950, count),
        DRIFTING: temperature,
    }
    whole: dict[str, list[Value]] = {name: np.rint(values).astype(int).tolist() for name, values in columns.items()}
    texts: dict[str, list[Value]] = {"Wilderness_Area": list(wilderness), "Soil_Type": [SOILS[code] for code in soil]}
    return Table(whole | texts, (cover + 1).tolist())


def damage_covertype(mode: Mode, columns: Columns) -> Columns:
    """Broken: one integer written as a fraction, another feature absent. Drifting: Celsius for Fahrenheit, still integers."""
    if mode is Mode.BROKEN:
        kept = {name: values for name, values in columns.items() if name != BROKEN_ABSENT}
        return kept | {BROKEN_TYPE: [float(value) for value in columns[BROKEN_TYPE]]}
    if mode is Mode.DRIFTING:
        return {**columns, DRIFTING: [round((float(value) - 32) * 5 / 9) for value in columns[DRIFTING]]}
    return columns


def _covertype_training() -> tuple[Table, Table, Table]:
    table = draw_covertype(4000, np.random.default_rng([SEED, 0]))
    train, validation = table.part(0, 3000), table.part(3000, 4000)
    return train, train, validation


COVERTYPE = Dataset(
    endpoint="covertype",
    label="Cover_Type",
    names=tuple(draw_covertype(1, np.random.default_rng(0)).columns),
    content_type="application/json",
    accept="application/json",
    draw=draw_covertype,
    damage=damage_covertype,
    write=json_columns,
    records_per_request=(2, 20),
    training=_covertype_training,
    why=tuple(f"why_{kind + 1}" for kind in range(len(COVER_SHARES))),
)
