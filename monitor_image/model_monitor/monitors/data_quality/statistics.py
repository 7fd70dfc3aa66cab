"""Numbers read from a dataset's profile: what constraints are suggested from and checked against."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from model_monitor.monitors.data_quality.profile import DatasetProfile, FeatureProfile
from model_monitor.schema import Feature, FeatureType, Privacy
from model_monitor.sketches.feature import FeatureStatistics, numeric_of
from model_monitor.sketches.frequencies import KeyCounts
from model_monitor.sketches.kinds import accepts, canonical_number, inferred_type, present, settled_type


@dataclass(frozen=True, slots=True)
class DatasetStatistics:
    """A dataset. absent, extra, widths: as in the profile; empty when read from a file."""

    item_count: int
    features: tuple[FeatureStatistics, ...]
    absent: Mapping[str, int] = field(default_factory=dict)
    extra: KeyCounts = field(default_factory=KeyCounts)
    widths: Mapping[int, int] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, FeatureStatistics]:
        """Features by their name."""
        return {feature.name: feature for feature in self.features}

    @property
    def uniform_width(self) -> int | None:
        """The one number of values that all records have when none has the right one."""
        return next(iter(self.widths)) if not self.item_count and len(self.widths) == 1 else None


def read_statistics(profile: DatasetProfile, features: tuple[Feature, ...], takes_declared: bool) -> DatasetStatistics:
    """The statistics of a profile.

    takes_declared: a declared type stands where the data agrees with it (baselines), else what the data shows.
    """
    profiles = profile.features or tuple(FeatureProfile() for _ in features)
    return DatasetStatistics(
        profile.item_count,
        tuple(_feature(f, p, takes_declared) for f, p in zip(features, profiles, strict=True)),
        profile.absent,
        profile.extra,
        profile.widths,
    )


def _feature(feature: Feature, profile: FeatureProfile, takes_declared: bool) -> FeatureStatistics:
    found = settled_type(profile.kinds) if takes_declared and feature.type is None else inferred_type(profile.kinds)
    if found is not FeatureType.UNKNOWN and feature.type not in (None, FeatureType.UNKNOWN):
        declared = feature.type or found
        found = declared if feature.is_text or (takes_declared and accepts(declared, found)) else found
    categories = _categories(profile) if found is FeatureType.STRING else None
    numeric = numeric_of(profile.numbers)
    if found is not FeatureType.STRING:
        distinct = numeric.distinct_count if numeric else 0.0
    elif categories is not None:
        distinct = float(len(categories))
    else:
        distinct = profile.texts.distinct.merge(profile.numbers.distinct).estimate
    return FeatureStatistics(
        feature.name,
        found,
        present(profile.kinds),
        profile.nulls,
        distinct,
        numeric,
        categories,
        profile.kinds,
        feature.privacy,
        _salt(feature.name, profile) if feature.privacy is Privacy.RESTRICTED else None,
    )


def _categories(profile: FeatureProfile) -> dict[str, int] | None:
    """Texts and numbers of a text feature together, the most frequent first."""
    quantiles = profile.numbers.quantiles
    if profile.texts.counts is None or not quantiles.is_exact:
        return None
    counts = dict(profile.texts.counts)
    for number, count in zip(quantiles.values.tolist(), quantiles.counts.tolist(), strict=True):
        text = canonical_number(number)
        counts[text] = counts.get(text, 0) + count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _salt(name: str, profile: FeatureProfile) -> str:
    """Salt of a baseline's digests: the same data gives the same salt, who lacks the data cannot guess it."""
    state = hashlib.blake2b(name.encode(), digest_size=8)
    state.update(profile.texts.distinct.merge(profile.numbers.distinct).hashes.tobytes())
    state.update(profile.kinds.tobytes())
    return state.hexdigest()
