"""Mixed tables (`read(..., mixed=True)`) → numbers, by an encoder fitted on training rows only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from equipoise._errors import InvalidInput, did_you_mean, require

if TYPE_CHECKING:
    from skrub import TableVectorizer

__all__ = ["table_encoder"]


def table_encoder(**options: Any) -> TableVectorizer:
    """Returns skrub's `TableVectorizer`, not fitted, set up for the networks of this package.

    | column | becomes |
    |---|---|
    | numbers | themselves; missing is NaN |
    | text with fewer than 40 distinct values in the training rows | one 0/1 column a value; |
    | | a value that did not occur is 0 in all of them, missing is a value of its own |
    | other text | 30 columns, from its words cut into letters (`StringEncoder`) |
    | dates and times | year, month, day, hour and seconds since 1970 |

    All columns that come out are float32. `transform` returns a frame like the one that goes in;
    `.to_numpy()` makes a matrix of it, and a scikit-learn pipeline needs nothing.

    Not to be fitted on all rows before they are split: the values and words of test rows would
    leak into the columns. Not for tables of numbers only, which need no encoder.

    Args:
        **options: arguments of `skrub.TableVectorizer` that replace those above, such as
            `cardinality_threshold=100` or `high_cardinality=skrub.TextEncoder()`.

    Raises:
        MissingDependency: skrub is not installed (`pip install 'equipoise[tables]'`).
        InvalidInput: an option that `TableVectorizer` does not have.

    Examples:
        >>> import polars as pl
        >>> train = pl.DataFrame({"length": [95.0, None, 120.0], "country": ["FR", "US", "FR"]})
        >>> test = pl.DataFrame({"length": [80.0], "country": ["IT"]})
        >>> encoder = table_encoder().fit(train)
        >>> encoder.transform(test).to_dicts()
        [{'length': 80.0, 'country_FR': 0.0, 'country_US': 0.0}]
    """
    skrub = require("skrub", extra="tables", purpose="Encoding a mixed table")
    from sklearn import preprocessing

    one_hot: Any = preprocessing.OneHotEncoder
    settings: dict[str, Any] = {
        # skrub drops a column of two values, where a value never seen then looks like the first.
        "low_cardinality": one_hot(dtype="float32", handle_unknown="ignore", sparse_output=False),
        "high_cardinality": skrub.StringEncoder(n_components=30, random_state=0),
        "datetime": skrub.DatetimeEncoder(),
    }
    known = skrub.TableVectorizer().get_params(deep=False)
    for option in options:
        if option not in known:
            raise InvalidInput(
                "`table_encoder` takes the arguments of skrub's TableVectorizer.",
                received=option,
                remedy=did_you_mean(option, known),
            )
    return skrub.TableVectorizer(**settings | options)
