"""Numbers read from a dataset's profile: what constraints are suggested from and checked against."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from model_monitor.monitors.data_quality.profile import DatasetProfile, FeatureProfile
from model_monitor.schema import Feature, FeatureType, Kind, Privacy
from model_monitor.sketches.booleans import are_booleans, folded, folded_kinds
from model_monitor.sketches.feature import FeatureStatistics, numeric_of
from model_monitor.sketches.frequencies import Frequencies, KeyCounts, hashes_of
from model_monitor.sketches.kinds import accepts, canonical_number, inferred_type, present, settled_type
from model_monitor.sketches.missing import stand_for_nothing, texts_as_missing
from model_monitor.sketches.texts import TextStatistics, read_texts
from model_monitor.sketches.values import Values


@dataclass(frozen=True, slots=True)
class DatasetStatistics:
    """A dataset. absent, extra, widths: as in the profile; empty when read from a file.

    is_baseline: windows will be compared with it, so that its file holds what they are compared with.
    tells_texts: its file has a block of our own about text features; where AWS's rule decides, files are AWS's alone.
    """

    item_count: int
    features: tuple[FeatureStatistics, ...]
    absent: Mapping[str, int] = field(default_factory=dict)
    extra: KeyCounts = field(default_factory=KeyCounts)
    widths: Mapping[int, int] = field(default_factory=dict)
    is_baseline: bool = False
    tells_texts: bool = True

    @property
    def by_name(self) -> dict[str, FeatureStatistics]:
        """Features by their name."""
        return {feature.name: feature for feature in self.features}

    @property
    def uniform_width(self) -> int | None:
        """The one number of values that all records have when none has the right one."""
        return next(iter(self.widths)) if not self.item_count and len(self.widths) == 1 else None


def read_statistics(
    profile: DatasetProfile, features: tuple[Feature, ...], takes_declared: bool, missing: tuple[str, ...] | None = None
) -> DatasetStatistics:
    """The statistics of a profile.

    missing: texts that stand for nothing, as declared; None: the usual ones, in columns of numbers.
    takes_declared: a declared type stands where the data agrees with it (baselines), else what the data shows.
    """
    profiles = profile.features or tuple(FeatureProfile() for _ in features)
    return DatasetStatistics(
        profile.item_count,
        tuple(_feature(f, p, takes_declared, missing is None) for f, p in zip(features, profiles, strict=True)),
        profile.absent,
        profile.extra,
        profile.widths,
        takes_declared,
    )


def _feature(feature: Feature, profile: FeatureProfile, takes_declared: bool, takes_missing: bool) -> FeatureStatistics:
    profile = profile if feature.is_text else _booleans_folded(profile)
    spelled: Mapping[str, int] = {}
    if takes_missing and not feature.is_text and stand_for_nothing(profile.texts.counts, profile.kinds):
        spelled = dict(sorted((profile.texts.counts or {}).items()))
        profile = replace(profile, kinds=texts_as_missing(profile.kinds), texts=Frequencies())
    found = settled_type(profile.kinds) if takes_declared and feature.type is None else inferred_type(profile.kinds)
    if found is not FeatureType.UNKNOWN and feature.type not in (None, FeatureType.UNKNOWN):
        declared = feature.type or found
        found = declared if feature.is_text or (takes_declared and accepts(declared, found)) else found
    categories = _categories(profile) if found.is_categorical else None
    numeric = numeric_of(profile.numbers)
    if not found.is_categorical:
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
        text=_text(feature, profile, categories, distinct) if found is FeatureType.STRING else None,
        spelled=spelled,
    )


def _booleans_folded(profile: FeatureProfile) -> FeatureProfile:
    """A feature that holds spellings of true and false alone has their type, whoever wrote them."""
    counts = profile.texts.counts
    if not counts or not profile.kinds[Kind.STRING] or not are_booleans(counts):
        return profile
    one = folded(counts)
    return replace(profile, kinds=folded_kinds(profile.kinds), texts=Frequencies.of_counts(one.keys(), one.values()))


def _text(
    feature: Feature, profile: FeatureProfile, categories: Mapping[str, int] | None, distinct: float
) -> TextStatistics | None:
    """The values of a text feature by hash; None when some were read as too many different numbers to be counted."""
    quantiles = profile.numbers.quantiles
    if not quantiles.is_exact:
        return None
    numbers = list(map(canonical_number, quantiles.values.tolist()))
    values = profile.texts.values.merge(Values.of(hashes_of(numbers), quantiles.counts))
    names = categories if feature.privacy is Privacy.OPEN else None
    different = distinct if categories is not None else None
    forms = profile.texts.forms.with_numbers(profile.kinds) if numbers else profile.texts.forms
    return read_texts(values, forms, bool(numbers), different, names)


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
