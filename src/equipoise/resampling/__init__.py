"""Resamplers: other rows to train on, in which rare labels are less rare.

| name | what it does | chooses or makes rows |
|---|---|---|
| `LPROS`, `LPRUS` | clone rows of rare label sets, delete rows of common ones | chooses |
| `MLROS`, `MLRUS` | clone rows of rare labels, delete rows of common ones | chooses |
| `MLSMOTE` | new rows between neighbours that share a rare label | makes |
| `MLSOL` | new rows where the neighbourhood contradicts a label | makes |
| `MLUL` | keeps the rows that matter to their neighbourhood | chooses |
| `MLeNN`, `MLTL` | delete common rows that contradict their neighbours | chooses |
| `REMEDIAL` | parts common from rare labels of a row | splits |

All of them follow the contract of imbalanced-learn. Resample the training rows only, and after
splitting: a copy of a test row in the training part makes every score too good. Resampling moves
probabilities as weights do; `sampling_rates_` tells `equipoise.decision.Correction` by how much.
"""

from equipoise.resampling._rates import SamplingRates
from equipoise.resampling.cleaning import MLTL, MLeNN
from equipoise.resampling.labelsets import LPROS, LPRUS
from equipoise.resampling.local import MLSOL, MLUL
from equipoise.resampling.random import MLROS, MLRUS
from equipoise.resampling.remedial import REMEDIAL
from equipoise.resampling.smote import MLSMOTE

__all__ = [
    "LPROS",
    "LPRUS",
    "MLROS",
    "MLRUS",
    "MLSMOTE",
    "MLSOL",
    "MLTL",
    "MLUL",
    "REMEDIAL",
    "MLeNN",
    "SamplingRates",
]
