from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.ruleset import RuleSet

@dataclass(frozen=True, eq=False)
class ModelFeatures:
    indptr: NDArray[np.int64]
    indices: NDArray[np.uint32]
    shapes: NDArray[np.int64]
    signal_indptr: NDArray[np.int64]
    signals: NDArray[np.uint16]
    commerce: NDArray[np.float32]

def model_features(texts: Any, bits: int, rules: RuleSet | None = ...) -> ModelFeatures: ...
