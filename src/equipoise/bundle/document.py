"""What a saved bundle says of itself, as a report; no network is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from equipoise._errors import InvalidFile, InvalidInput
from equipoise._files import check_schema, read_json
from equipoise.bundle._folder import MANIFEST, check_files, check_is_bundle
from equipoise.bundle.bundle import KIND, SCHEMA_VERSION
from equipoise.bundle.card import card_document
from equipoise.bundle.held_out import by_label

_NAMED = 40  # labels of the figure


def bundle_document(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the report document of a bundle: its card, with what held-out rows show first.

    Raises:
        InvalidFile: no bundle, or one that is damaged or was written by a newer equipoise.
    """
    path = check_is_bundle(folder)
    manifest = read_json(path / MANIFEST)
    try:
        check_schema(manifest, KIND, SCHEMA_VERSION)
    except InvalidInput as error:
        raise InvalidFile(
            f"{str(path)!r} cannot be read: {error.problem}",
            received=error.received,
            remedy=error.remedy,
        ) from error
    check_files(path, [MANIFEST])
    document = card_document(manifest)
    sections = []
    for section in document["sections"]:
        sections.append(section)
        if section["heading"] == "Labels":
            sections += _intervals(manifest)
    return document | {"lead": [*_reached(manifest), *document["lead"]], "sections": sections}


def _reached(manifest: Mapping[str, Any]) -> list[str]:
    held = manifest["held_out"]
    if held is None:
        return ["It was not judged on held-out rows: equipoise evaluate BUNDLE DATA judges it."]
    figures = ", ".join(
        f"{name} {'undefined' if value is None else format(value, '.3f')}"
        for name, value in held["overall"].items()
    )
    return [
        f"On {held['n_rows']:,} held-out rows: {figures}.",
        "Counts at its thresholds, and at others, take rows whose labels are known: "
        "equipoise evaluate BUNDLE DATA --report FILE.",
    ]


def _intervals(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """F1 of the most frequent labels with their intervals."""
    judged = by_label(manifest["held_out"])
    names = [name for name in manifest["label_names"] if name in judged]
    if manifest["data"] is not None:
        positives = dict(zip(manifest["label_names"], manifest["data"]["positives"], strict=True))
        names.sort(key=lambda name: -positives[name])
    rows = [judged[name] for name in names if judged[name]["f1_low"] is not None][:_NAMED]
    if not rows:
        return []
    percent = f"{100 * manifest['held_out']['confidence']:.0f}%"
    of_all = "" if len(rows) < _NAMED else f" of the {_NAMED} most frequent labels"
    figure = {
        "kind": "intervals",
        "names": [row["label"] for row in rows],
        "xlabel": "F1",
        "series": [
            {
                "title": "at the threshold",
                "values": [row["f1"] for row in rows],
                "low": [row["f1_low"] for row in rows],
                "high": [row["f1_high"] for row in rows],
            }
        ],
        "caption": f"F1 on held-out rows{of_all}, with {percent} intervals.",
    }
    return [{"heading": "F1 and how sure it is", "figure": figure}]
