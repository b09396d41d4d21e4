"""Label selectors, as Kubernetes reads them."""

from __future__ import annotations

from collections.abc import Mapping

from paceline.api.affinity import LabelRequirement, LabelSelector


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether all of its tests hold. An empty selector, which admission refuses here, selects nothing."""
    if not selector.match_labels and not selector.match_expressions:
        return False
    alike = all(labels.get(key) == value for key, value in selector.match_labels.items())
    return alike and all(_holds(each, labels) for each in selector.match_expressions)


def keys(selector: LabelSelector) -> frozenset[str]:
    """Labels that it asks for."""
    return frozenset((*selector.match_labels, *(each.key for each in selector.match_expressions)))


def _holds(test: LabelRequirement, labels: Mapping[str, str]) -> bool:
    if test.operator == "Exists":
        return test.key in labels
    if test.operator == "DoesNotExist":
        return test.key not in labels
    if test.operator == "In":
        return labels.get(test.key) in test.values
    return labels.get(test.key) not in test.values
