"""The encoder of a mixed table in a file that holds no code: skops, and a list of trusted types."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from equipoise._errors import InvalidFile, InvalidInput, require, shown_list

FILE = "encoder.skops"

# What `table_encoder` is made of beside NumPy, SciPy and scikit-learn, which skops knows. Read
# before anything is built: a file with any other type is refused.
TRUSTED = (
    "polars.datatypes.classes.Boolean",
    "polars.datatypes.classes.Categorical",
    "polars.datatypes.classes.Date",
    "polars.datatypes.classes.Datetime",
    "polars.datatypes.classes.Float32",
    "polars.datatypes.classes.Float64",
    "polars.datatypes.classes.String",
    "skrub._apply_to_each_col.ApplyToEachCol",
    "skrub._check_input.CheckInputDataFrame",
    "skrub._clean_categories.CleanCategories",
    "skrub._clean_null_strings.CleanNullStrings",
    "skrub._dataframe._common.is_any_date",
    "skrub._dataframe._common.is_categorical",
    "skrub._dataframe._common.is_numeric",
    "skrub._datetime_encoder.DatetimeEncoder",
    "skrub._drop_uninformative.DropUninformative",
    "skrub._duration_to_float.DurationToFloat",
    "skrub._string_encoder.StringEncoder",
    "skrub._table_vectorizer.PassThrough",
    "skrub._table_vectorizer.ShortReprDict",
    "skrub._table_vectorizer.TableVectorizer",
    "skrub._table_vectorizer._created_by_predicate",
    "skrub._to_categorical.ToCategorical",
    "skrub._to_datetime.ToDatetime",
    "skrub._to_float.ToFloat",
    "skrub._to_str.ToStr",
    "skrub.selectors._base.All",
    "skrub.selectors._base.And",
    "skrub.selectors._base.Cols",
    "skrub.selectors._base.Filter",
    "skrub.selectors._base.Sub",
    "skrub.selectors._selectors._cardinality_below",
)


def save_encoder(folder: Path, encoder: Any) -> None:
    """Writes a fitted encoder.

    Raises:
        InvalidInput: one made of other types than those of `table_encoder`.
    """
    skops = _skops()
    path = folder / FILE
    skops.dump(encoder, path, compression=zipfile.ZIP_DEFLATED, compresslevel=6)
    untrusted = _untrusted(path)
    if untrusted:
        raise InvalidInput(
            "The encoder holds types that a bundle does not keep.",
            received=shown_list(untrusted, 3),
            remedy="Use `table_encoder`, or save an encoder of your own beside the bundle.",
        )


def load_encoder(folder: Path) -> Any:
    """Loads what `save_encoder` wrote; nothing is unpickled, nothing but trusted types built.

    Raises:
        InvalidFile: a file that is no encoder, or one with types that are not trusted.
    """
    skops = _skops()
    require("skrub", extra="tables", purpose="A bundle of a mixed table")
    path = folder / FILE
    try:
        untrusted = _untrusted(path)
        if untrusted:
            raise InvalidFile(
                f"{str(path)!r} holds types that are not trusted.",
                received=shown_list(untrusted, 3),
                remedy="Do not use it unless you know who made it; train anew.",
            )
        return skops.load(path, trusted=list(TRUSTED))
    except InvalidFile:
        raise
    except Exception as error:  # skops raises whatever its parts raise
        raise InvalidFile(
            f"{str(path)!r} cannot be loaded: {type(error).__name__}: {str(error)[:200]}.",
            remedy="It may have been written with other versions of skrub, scikit-learn or skops; "
            "those it was written with stand in bundle.json beside it.",
        ) from error


def _untrusted(path: Path) -> list[str]:
    return sorted(set(_skops().get_untrusted_types(file=path)) - set(TRUSTED))


def _skops() -> Any:
    return require("skops.io", extra="tables", purpose="A bundle of a mixed table")
